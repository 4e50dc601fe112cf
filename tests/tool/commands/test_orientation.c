/* The eight orientations through every command and format: the picture that a viewer shows stands as it stood before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "commands/commands.h"
#include "pictures/formats.h"
#include "shell/files.h"

enum { WIDTH = 48, HEIGHT = 32, PIXELS = WIDTH * HEIGHT };

static char folder[] = "/tmp/test_orientation.XXXXXX";
static uint8_t shown[PIXELS * 3]; /* upright */

/* Where the pixel that is shown at (x, y) of a picture of width x height lies in the file, whose rows are as long as the
   tag makes them: by EXIF's table, the stored row 0 and column 0 are the sides that it names. */
static size_t stored_at(int orientation, size_t x, size_t y, size_t width, size_t height) {
    const size_t right = width - 1 - x, bottom = height - 1 - y; /* counted from there */
    switch (orientation) {
        case 2: return y * width + right;        /* top, right */
        case 3: return bottom * width + right;   /* bottom, right */
        case 4: return bottom * width + x;       /* bottom, left */
        case 5: return x * height + y;           /* left, top */
        case 6: return right * height + y;       /* right, top */
        case 7: return right * height + bottom;  /* right, bottom */
        case 8: return x * height + bottom;      /* left, bottom */
        default: return y * width + x;
    }
}

static gmlp_image image_of(void *data, int type, int space, int lies) {
    gmlp_image i;
    memset(&i, 0, sizeof i);
    i.data = data;
    i.width = lies ? HEIGHT : WIDTH;
    i.height = lies ? WIDTH : HEIGHT;
    i.type = type;
    i.space = space;
    return i;
}

/* The picture as a file stores it under this orientation. */
static gmlp_image laid(int orientation, uint8_t *pixels) {
    size_t x, y;
    for (y = 0; y < HEIGHT; y++)
        for (x = 0; x < WIDTH; x++)
            memcpy(pixels + 3 * stored_at(orientation, x, y, WIDTH, HEIGHT), shown + 3 * (y * WIDTH + x), 3);
    return image_of(pixels, GMLP_U8, GMLP_SRGB, orientation > 4);
}

static void write_laid(const char *path, int orientation, int as_light) {
    static uint8_t pixels[PIXELS * 3];
    static float light[PIXELS * 3];
    gmlp_image image = laid(orientation, pixels);
    picture_write_opts opts;
    char error[256];
    memset(&opts, 0, sizeof opts);
    opts.quality = 98;
    opts.orientation = orientation;
    if (as_light) {
        const gmlp_image linear = image_of(light, GMLP_F32, GMLP_SRGB_LINEAR, orientation > 4);
        assert_int_equal(gmlp_convert(&image, &linear, NULL), GMLP_OK);
        image = linear;
    }
    if (picture_write(path, &image, &opts, error)) fail_msg("%s", error);
}

/* What a viewer shows of the file is the picture, nearly. */
static void stands(const char *path, int orientation, const char *from) {
    static uint8_t codes[PIXELS * 3];
    gmlp_image as_codes;
    picture p;
    char error[256];
    size_t x, y, c, width, height;
    double sum = 0;
    if (picture_read(path, 0, 0, &p, error)) fail_msg("%s", error);
    assert_int_equal((size_t)p.image.width * p.image.height, PIXELS);
    as_codes = p.image;
    as_codes.data = codes;
    as_codes.type = GMLP_U8;
    as_codes.space = GMLP_SRGB;
    assert_int_equal(gmlp_convert(&p.image, &as_codes, NULL), GMLP_OK);
    width = p.orientation > 4 ? p.image.height : p.image.width;
    height = p.orientation > 4 ? p.image.width : p.image.height;
    if (width != WIDTH || height != HEIGHT)
        fail_msg("%s of %s, orientation %d: shown as %zu x %zu", path, from, orientation, width, height);
    for (y = 0; y < HEIGHT; y++)
        for (x = 0; x < WIDTH; x++)
            for (c = 0; c < 3; c++)
                sum += abs(codes[3 * stored_at(p.orientation, x, y, WIDTH, HEIGHT) + c] - shown[3 * (y * WIDTH + x) + c]);
    sum /= PIXELS * 3;
    if (sum > 6) fail_msg("%s of %s, orientation %d: %g codes from it", path, from, orientation, sum);
    picture_free(&p);
}

static void run(int (*command)(int, char **), const char *const *words) {
    char *argv[16];
    int n = 0;
    argv[n++] = (char *)(uintptr_t)"command";
    for (; *words; words++) argv[n++] = (char *)(uintptr_t)*words;
    if (command(n, argv)) fail_msg("%s fails", argv[1]);
}

static int can_write(const char *name) {
    return !(strstr(name, ".exr") && exr_missing) && !(strstr(name, ".jxl") && jxl_missing) &&
           !(strstr(name, ".avif") && (avif_missing || heif_missing));
}

static const char *const tagged[] = { "in.jpg", "in.png", "in.tif" };
static const char *const outs[] = { "out.png", "out.tif", "out.exr", "out.jxl", "out.avif", "out.jpg" };
enum { TAGGED = sizeof tagged / sizeof *tagged, OUTS = sizeof outs / sizeof *outs };

/* A wrong orientation would show: the picture is far from itself turned. */
static void tells_apart(void **state) {
    static uint8_t pixels[PIXELS * 3];
    int orientation;
    (void)state;
    for (orientation = 2; orientation <= 8; orientation++) {
        const gmlp_image i = laid(orientation, pixels);
        double sum = 0;
        size_t k;
        for (k = 0; k < PIXELS * 3; k++) sum += abs(pixels[k] - shown[k]);
        if (i.width == WIDTH) assert_true(sum / (PIXELS * 3) > 15);
    }
}

static void encoded_and_decoded(void **state) {
    static const char *const bases[] = { "base.jpg", "base.png" };
    int orientation;
    size_t i, b, k;
    (void)state;
    for (orientation = 1; orientation <= 8; orientation++)
        for (i = 0; i < TAGGED; i++) {
            write_laid(tagged[i], orientation, 0);
            for (b = 0; b < 2; b++) {
                const char *encode[] = { tagged[i], bases[b], "--iterations", "2", NULL };
                run(cmd_encode, encode);
                stands(bases[b], orientation, tagged[i]);
                for (k = 0; k < OUTS - 1 && orientation % 3 == 0; k++) {
                    const char *decode[] = { bases[b], outs[k], NULL };
                    if (!can_write(outs[k])) continue;
                    run(cmd_decode, decode);
                    stands(outs[k], orientation, tagged[i]);
                    unlink(outs[k]);
                }
                unlink(bases[b]);
            }
            unlink(tagged[i]);
        }
}

static int to_file(void *user, const void *bytes, size_t size) { return fwrite(bytes, 1, size, (FILE *)user) != size; }

/* A base that says it is to be turned, as hdr-encode keeps it, or a program that turns by the tag leaves it. */
static void turned_by_tag(void **state) {
    static uint8_t pixels[PIXELS * 3];
    int orientation, container;
    size_t k;
    (void)state;
    for (orientation = 1; orientation <= 8; orientation++)
        for (container = GMLP_CONTAINER_JPEG; container <= GMLP_CONTAINER_PNG; container++) {
            const char *in = container == GMLP_CONTAINER_JPEG ? "base.jpg" : "base.png";
            const gmlp_image base = laid(orientation, pixels);
            picture_write_opts write;
            gmlp_train_opts opts;
            gmlp_net net;
            gmlp_writer w;
            uint8_t *bytes, blob[8192];
            size_t size, blob_size;
            char error[256];
            FILE *f = fopen(in, "wb");
            memset(&opts, 0, sizeof opts);
            memset(&write, 0, sizeof write);
            write.quality = 98;
            write.orientation = orientation;
            opts.iterations = 2;
            assert_int_equal(gmlp_train(&base, &base, &opts, &net, NULL), GMLP_OK);
            assert_int_equal(gmlp_blob_write(&net, blob, sizeof blob, &blob_size), GMLP_OK);
            gmlp_net_free(&net);
            assert_int_equal(picture_encode_memory(container, &base, &write, &bytes, &size, error), 0);
            w.user = f;
            w.write = to_file;
            assert_int_equal(gmlp_embed(bytes, size, blob, blob_size, NULL, &w, NULL), GMLP_OK);
            fclose(f);
            free(bytes);
            stands(in, orientation, "it");
            for (k = 0; k < OUTS - 1; k++) {
                const char *decode[] = { in, outs[k], NULL };
                if (!can_write(outs[k])) continue;
                run(cmd_decode, decode);
                stands(outs[k], orientation, in);
                unlink(outs[k]);
            }
            unlink(in);
        }
}

/* SDR files that are kept and such that are made anew; the HDR picture upright, or laid as the SDR one with the same
   tag. */
static void hdr(void **state) {
    static const struct {
        const char *in, *out, *anew;
    } ways[] = { { "in.jpg", "base.jpg", NULL }, { "in.png", "base.png", NULL }, { "in.jpg", "base.jpg", "--quality" },
                 { "in.tif", "base.jpg", NULL }, { "in.tif", "base.png", NULL } };
    int orientation;
    size_t i, k;
    (void)state;
    for (orientation = 1; orientation <= 8; orientation++)
        for (i = 0; i < sizeof ways / sizeof *ways; i++) {
            const char *encode[] = { ways[i].in, "master.tif", ways[i].out, "--iterations", "20", ways[i].anew, "95", NULL };
            const int kept = i < 2;
            write_laid("master.tif", orientation % 2 ? orientation : 1, 1);
            write_laid(ways[i].in, orientation, 0);
            run(cmd_hdr_encode, encode);
            stands(ways[i].out, orientation, ways[i].in);
            for (k = 0; k < OUTS && (kept || orientation == 6); k++) {
                const char *decode[] = { ways[i].out, outs[k], NULL };
                if (!can_write(outs[k])) continue;
                run(cmd_hdr_decode, decode);
                stands(outs[k], orientation, ways[i].out);
                unlink(outs[k]);
            }
            unlink(ways[i].in);
            unlink(ways[i].out);
            unlink("master.tif");
        }
}

static int begin(void **state) {
    int x, y;
    (void)state;
    for (y = 0; y < HEIGHT; y++)
        for (x = 0; x < WIDTH; x++) {
            uint8_t *p = shown + 3 * (y * WIDTH + x);
            p[0] = (uint8_t)(40 + 4 * x);
            p[1] = (uint8_t)(200 - 5 * y);
            p[2] = (uint8_t)(60 + (x < 12 && y < 10 ? 150 : x));
        }
    return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    return rmdir(folder); /* fails if a file is left over */
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(tells_apart), cmocka_unit_test(encoded_and_decoded),
                                        cmocka_unit_test(turned_by_tag), cmocka_unit_test(hdr) };
    return cmocka_run_group_tests(tests, begin, end);
}
