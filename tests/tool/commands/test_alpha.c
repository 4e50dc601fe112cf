/* Alpha through the commands: kept where the output holds it, told where not; what nobody sees costs nothing. */
#include <math.h>
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
#include "tests/synthetic.h"
#include "work/carried.h"
#include "work/quality.h"

enum { SIZE = 96, PIXELS = SIZE * SIZE };

static char folder[] = "/tmp/test_alpha.XXXXXX";
static uint16_t wide[PIXELS * 3];
static uint8_t base[PIXELS * 3], alpha[PIXELS];

static gmlp_image image_of(void *data, int type, int channels, int space) {
    gmlp_image i;
    memset(&i, 0, sizeof i);
    i.data = data;
    i.width = i.height = SIZE;
    i.type = type;
    i.channels = channels;
    i.space = space;
    return i;
}

static void write_wide(const char *path, const gmlp_image *image) {
    picture_write_opts opts;
    char error[256];
    memset(&opts, 0, sizeof opts);
    opts.alpha = alpha;
    if (picture_write(path, image, &opts, error)) fail_msg("%s", error);
}

static int run(int (*command)(int, char **), const char *const *words) {
    char *argv[16];
    int n = 0;
    argv[n++] = (char *)(uintptr_t)"command";
    for (; *words; words++) argv[n++] = (char *)(uintptr_t)*words;
    return command(n, argv);
}

/* What the command says on stderr. */
static const char *said(int (*command)(int, char **), const char *const *words, int status) {
    static char text[2000];
    FILE *f = fopen("said", "wb+");
    const int was = dup(2);
    size_t n;
    int got;
    fflush(stderr);
    dup2(fileno(f), 2);
    got = run(command, words);
    fflush(stderr);
    dup2(was, 2);
    close(was);
    rewind(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    unlink("said");
    if (got != status) fail_msg("exit status %d, not %d: %s", got, status, text);
    return text;
}

static picture read_it(const char *path) {
    picture p;
    char error[256];
    if (picture_read(path, 0, 1, &p, error)) fail_msg("%s", error);
    return p;
}

static void has_alpha(const char *path) {
    picture p = read_it(path);
    assert_non_null(p.alpha);
    assert_memory_equal(p.alpha, alpha, PIXELS);
    picture_free(&p);
}

static const char *const few[] = { "in.png", "out.png", "--iterations", "20", NULL };

static int can_write(const char *name) {
    return !(strstr(name, ".exr") && exr_missing) && !(strstr(name, ".jxl") && jxl_missing) &&
           !(strstr(name, ".avif") && (avif_missing || heif_missing));
}

static void there_and_back(void **state) {
    static const char *const sources[] = { "in.png", "in.tif", "in.exr", "in.jxl" };
    static const char *const outs[] = { "wide.png", "wide.tif", "wide.exr", "wide.jxl", "wide.avif" };
    size_t i, k;
    (void)state;
    for (i = 0; i < sizeof sources / sizeof *sources; i++) {
        gmlp_image image = image_of(wide, GMLP_U16, 3, GMLP_PROPHOTO);
        const char *words[] = { sources[i], "base.png", "--iterations", "5", NULL };
        static float light[PIXELS * 3];
        if (!can_write(sources[i])) continue;
        if (strstr(sources[i], ".exr")) {
            const gmlp_image linear = image_of(light, GMLP_F32, 3, GMLP_PROPHOTO_LINEAR);
            assert_int_equal(gmlp_convert(&image, &linear, NULL), GMLP_OK);
            image = linear;
        }
        write_wide(sources[i], &image);
        assert_int_equal(run(cmd_encode, words), 0);
        has_alpha("base.png");
        for (k = 0; k < sizeof outs / sizeof *outs; k++) {
            const char *back[] = { "base.png", outs[k], NULL };
            if (!can_write(outs[k])) continue;
            assert_string_equal(said(cmd_decode, back, 0), "");
            has_alpha(outs[k]);
            unlink(outs[k]);
        }
        unlink(sources[i]);
    }
    unlink("base.png");
}

static void in_a_jpeg(void **state) {
    const char *words[] = { "in.png", "out.jpg", "--iterations", "5", NULL };
    const gmlp_image image = image_of(wide, GMLP_U16, 3, GMLP_PROPHOTO);
    (void)state;
    write_wide("in.png", &image);
    assert_non_null(strstr(said(cmd_encode, words, 0), "note: in.png: alpha is left out\n"));
    unlink("in.png");
    unlink("out.jpg");
}

static double encoded(const char *path, double *all) {
    carried c;
    double og;
    char error[256];
    if (carried_open(path, &c, error)) fail_msg("%s", error);
    quality_of(&c.net, all, &og);
    carried_free(&c);
    return og;
}

/* Noise of the widest colours under alpha 0 makes no difference, and what is measured is what is seen. */
static void what_nobody_sees(void **state) {
    static uint16_t noisy[PIXELS * 3];
    gmlp_image image = image_of(wide, GMLP_U16, 3, GMLP_PROPHOTO);
    double og[2], all[2];
    uint32_t seed = 1;
    int i, k, outside = 0;
    picture p;
    (void)state;
    for (i = 0; i < 2; i++) {
        for (k = 0; k < PIXELS * 3; k++) {
            seed = seed * 1664525u + 1013904223u;
            noisy[k] = (uint16_t)(alpha[k / 3] ? wide[k] : i ? seed >> 31 ? 65535 : 0 : 30000);
        }
        image.data = noisy;
        write_wide("in.png", &image);
        assert_int_equal(run(cmd_encode, few), 0);
        og[i] = encoded("out.png", &all[i]);
    }
    if (fabs(og[0] - og[1]) > 1 || fabs(all[0] - all[1]) > 0.5)
        fail_msg("%g and %g dB out of gamut, %g and %g in all", og[0], og[1], all[0], all[1]);
    p = read_it("out.png");
    for (i = 0; i < PIXELS; i++) {
        const uint8_t *c = (uint8_t *)p.image.data + 3 * i;
        const int ends = (c[0] % 255 == 0) + (c[1] % 255 == 0) + (c[2] % 255 == 0);
        if (!alpha[i] && ends && !(ends == 3 && c[0] == c[1] && c[1] == c[2])) outside++;
    }
    assert_int_equal(outside, 0);
    picture_free(&p);
    unlink("in.png");
    unlink("out.png");
}

static int to_file(void *user, const void *bytes, size_t size) { return fwrite(bytes, 1, size, (FILE *)user) != size; }

/* The picture as another program leaves it, with the network of the file. */
static void save_anew(const char *from, const char *path, gmlp_image *pixels) {
    uint8_t *file, *bytes;
    size_t size, blob_size, bytes_size;
    void *blob;
    char error[256];
    gmlp_writer w;
    FILE *f = fopen(path, "wb");
    assert_int_equal(file_read(from, &file, &size, error), 0);
    assert_int_equal(gmlp_extract(file, size, NULL, &blob, &blob_size, NULL), GMLP_OK);
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_PNG, pixels, NULL, &bytes, &bytes_size, error), 0);
    w.user = f;
    w.write = to_file;
    assert_int_equal(gmlp_embed(bytes, bytes_size, blob, blob_size, NULL, &w, NULL), GMLP_OK);
    fclose(f);
    gmlp_bytes_free(blob, blob_size, NULL);
    free(bytes);
    free(file);
}

/* Programs that drop what is not seen do no harm; that change what is seen, do. */
static void cleared_by_others(void **state) {
    static uint8_t rgba[PIXELS * 4];
    gmlp_image image = image_of(wide, GMLP_U16, 3, GMLP_PROPHOTO), four = image_of(rgba, GMLP_U8, 4, GMLP_SRGB);
    const char *decode[] = { "cleared.png", "wide.png", NULL }, *inspect[] = { "cleared.png", NULL };
    picture p, before, after;
    int i;
    (void)state;
    write_wide("in.png", &image);
    assert_int_equal(run(cmd_encode, few), 0);
    p = read_it("out.png");
    assert_int_equal(gmlp_convert(&p.image, &four, NULL), GMLP_OK);
    alpha_put(GMLP_U8, alpha, PIXELS, rgba);
    picture_free(&p);
    save_anew("out.png", "cleared.png", &four);
    assert_string_equal(said(cmd_decode, decode, 0), "");
    before = read_it("wide.png");
    for (i = 0; i < PIXELS; i++)
        if (!alpha[i]) memset(rgba + 4 * i, 0, 3);
    save_anew("out.png", "cleared.png", &four);
    assert_non_null(strstr(said(cmd_decode, decode, 0),
                           "given other colours where it is transparent by another program; the colours come back"));
    assert_int_equal(run(cmd_inspect, inspect), 0);
    after = read_it("wide.png");
    assert_memory_equal(after.alpha, alpha, PIXELS);
    for (i = 0; i < PIXELS; i++) { /* but for what the network sees around a pixel */
        const int x = i % SIZE, y = i / SIZE;
        if (x < SIZE / 2 + 4 || y < 4) continue;
        assert_memory_equal((uint8_t *)after.image.data + 6 * i, (uint8_t *)before.image.data + 6 * i, 6);
    }
    for (i = 0; i < PIXELS; i++)
        if (alpha[i]) rgba[4 * i + 1] = (uint8_t)(rgba[4 * i + 1] / 2);
    save_anew("out.png", "cleared.png", &four);
    assert_non_null(strstr(said(cmd_decode, decode, 1), "does not belong to these pixels"));
    picture_free(&before);
    picture_free(&after);
    unlink("in.png");
    unlink("out.png");
    unlink("cleared.png");
    unlink("wide.png");
}

/* Resized with alpha by another program, which leaves noise where nothing is seen. */
static void resized_by_others(void **state) {
    enum { WIDTH = 640, HEIGHT = 480 };
    static uint16_t large[WIDTH * HEIGHT * 3];
    static uint8_t shares[WIDTH * HEIGHT], half[WIDTH / 2 * HEIGHT / 2 * 4];
    const char *decode[] = { "half.png", "wide.png", NULL }, *told;
    gmlp_image image = image_of(large, GMLP_U16, 3, GMLP_PROPHOTO), four = image_of(half, GMLP_U8, 4, GMLP_SRGB);
    picture_write_opts opts;
    picture p;
    char error[256];
    uint32_t seed = 7;
    int x, y, c, k, i;
    (void)state;
    image.width = WIDTH;
    image.height = HEIGHT;
    four.width = WIDTH / 2;
    four.height = HEIGHT / 2;
    for (k = 0; k < WIDTH * HEIGHT * 3; k++) large[k] = (uint16_t)(15000 + 40 * (k / 3 % WIDTH));
    for (i = 0; i < 400; i++) { /* discs of all kinds */
        uint32_t drawn[6];
        for (k = 0; k < 6; k++) {
            seed = seed * 1664525u + 1013904223u;
            drawn[k] = seed >> 8;
        }
        for (y = -(int)(3 + drawn[2] % 25); y <= (int)(3 + drawn[2] % 25); y++)
            for (x = -(int)(3 + drawn[2] % 25); x <= (int)(3 + drawn[2] % 25); x++) {
                const int u = (int)(drawn[0] % WIDTH) + x, v = (int)(drawn[1] % HEIGHT) + y;
                const int r = (int)(3 + drawn[2] % 25);
                if (x * x + y * y > r * r || u < 0 || v < 0 || u >= WIDTH || v >= HEIGHT) continue;
                for (c = 0; c < 3; c++) large[3 * (v * WIDTH + u) + c] = (uint16_t)(drawn[3 + c] % 60000);
            }
    }
    for (y = 0; y < HEIGHT; y++)
        for (x = 0; x < WIDTH; x++) {
            shares[y * WIDTH + x] = (x - 320) * (x - 320) + (y - 240) * (y - 240) < 230 * 230 ? 255 : 0;
            if (!shares[y * WIDTH + x]) memset(large + 3 * (y * WIDTH + x), 255, 6); /* of one colour */
        }
    memset(&opts, 0, sizeof opts);
    opts.alpha = shares;
    assert_int_equal(picture_write("in.png", &image, &opts, error), 0);
    assert_int_equal(run(cmd_encode, few), 0);
    p = read_it("out.png");
    for (y = 0; y < HEIGHT / 2; y++)
        for (x = 0; x < WIDTH / 2; x++) {
            uint8_t *to = half + 4 * (y * WIDTH / 2 + x);
            int weight = 0, sum[3] = { 0 };
            for (k = 0; k < 4; k++) {
                const int at = (2 * y + k / 2) * WIDTH + 2 * x + k % 2, share = p.alpha[at];
                weight += share;
                for (c = 0; c < 3; c++) sum[c] += share * ((uint8_t *)p.image.data)[3 * at + c];
            }
            for (c = 0; c < 3; c++) to[c] = (uint8_t)(weight ? (sum[c] + weight / 2) / weight : 250 - 90 * c);
            to[3] = (uint8_t)((weight + 2) / 4);
        }
    picture_free(&p);
    save_anew("out.png", "half.png", &four);
    told = said(cmd_decode, decode, 0);
    if (!strstr(told, "resized to 50") || !strstr(told, " % by another program; the colours come back")) fail_msg("%s", told);
    p = read_it("wide.png");
    assert_int_equal(p.image.width, WIDTH / 2);
    for (k = 0; k < WIDTH / 2 * HEIGHT / 2; k++) assert_int_equal(p.alpha[k], half[4 * k + 3]);
    picture_free(&p);
    unlink("in.png");
    unlink("out.png");
    unlink("half.png");
    unlink("wide.png");
}

/* An SDR picture that is kept, and one that is made anew. */
static void hdr(void **state) {
    static const char *const outs[] = { "hdr.png", "hdr.tif", "hdr.exr", "hdr.jxl", "hdr.avif" };
    static float light[PIXELS * 3];
    static uint16_t deep[PIXELS * 3];
    const gmlp_image sdr = image_of(base, GMLP_U8, 3, GMLP_SRGB), sdr16 = image_of(deep, GMLP_U16, 3, GMLP_SRGB),
                     master = image_of(light, GMLP_F32, 3, GMLP_REC2020_LINEAR);
    const char *encode[] = { "sdr.png", "master.tif", "out.png", "--iterations", "5", NULL };
    const char *jpeg[] = { "out.png", "ultra.jpg", NULL };
    size_t i, k;
    (void)state;
    assert_int_equal(gmlp_convert(&sdr, &sdr16, NULL), GMLP_OK);
    assert_int_equal(gmlp_convert(&sdr, &master, NULL), GMLP_OK);
    for (i = 0; i < PIXELS * 3; i++) light[i] *= 3;
    write_wide("master.tif", &master);
    for (i = 0; i < 2; i++) {
        write_wide("sdr.png", i ? &sdr16 : &sdr);
        assert_null(strstr(said(cmd_hdr_encode, encode, 0), "alpha"));
        has_alpha("out.png");
        for (k = 0; k < sizeof outs / sizeof *outs; k++) {
            const char *back[] = { "out.png", outs[k], NULL };
            if (!can_write(outs[k])) continue;
            assert_string_equal(said(cmd_hdr_decode, back, 0), "");
            has_alpha(outs[k]);
            unlink(outs[k]);
        }
        assert_non_null(strstr(said(cmd_hdr_decode, jpeg, 0), "note: out.png: alpha is left out"));
    }
    encode[2] = "out.jpg";
    assert_non_null(strstr(said(cmd_hdr_encode, encode, 0), "note: sdr.png: alpha is left out"));
    unlink("master.tif");
    unlink("sdr.png");
    unlink("out.png");
    unlink("out.jpg");
    unlink("ultra.jpg");
}

static int begin(void **state) {
    gmlp_image w = image_of(wide, GMLP_U16, 3, GMLP_PROPHOTO), b = image_of(base, GMLP_U8, 3, GMLP_SRGB);
    int i;
    (void)state;
    test_picture(wide, SIZE, SIZE, 3);
    for (i = 0; i < PIXELS; i++) { /* the left half hidden, then a soft edge */
        const int x = i % SIZE;
        alpha[i] = (uint8_t)(x < SIZE / 2 ? 0 : x < SIZE / 2 + 8 ? 30 * (x - SIZE / 2) + 20 : 255);
    }
    if (gmlp_reduce(&w, &b, NULL, NULL)) return -1;
    return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    return rmdir(folder); /* fails if a file is left over */
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(in_a_jpeg),
                                        cmocka_unit_test(what_nobody_sees), cmocka_unit_test(cleared_by_others),
                                        cmocka_unit_test(resized_by_others),
                                        cmocka_unit_test(hdr) };
    return cmocka_run_group_tests(tests, begin, end);
}
