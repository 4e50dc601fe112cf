/* decode and hdr-decode of pictures that were changed after encoding: refused, and nothing is written. */
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

enum { SIZE = 96, PIXELS = SIZE * SIZE };

static char folder[] = "/tmp/test_changed.XXXXXX";
static uint16_t wide[PIXELS * 3];
static uint8_t base[PIXELS * 3];

static gmlp_image image_of(void *data, int type, int space) {
    gmlp_image i;
    memset(&i, 0, sizeof i);
    i.data = data;
    i.width = i.height = SIZE;
    i.type = type;
    i.space = space;
    return i;
}

/* The network's blob for this base: of the wide gamut, or of the same codes as HLG. The caller frees. */
static uint8_t *trained(int hdr, uint8_t *pixels, size_t *size) {
    const gmlp_image original = image_of(wide, GMLP_U16, hdr ? GMLP_REC2020_HLG : GMLP_PROPHOTO),
                     b = image_of(pixels, GMLP_U8, GMLP_SRGB);
    gmlp_train_opts opts;
    gmlp_net net;
    uint8_t *blob;
    memset(&opts, 0, sizeof opts);
    opts.iterations = 5;
    assert_int_equal((hdr ? gmlp_train_hdr : gmlp_train)(&b, &original, &opts, &net, NULL), GMLP_OK);
    *size = gmlp_blob_size(&net);
    blob = (uint8_t *)malloc(*size);
    assert_non_null(blob);
    assert_int_equal(gmlp_blob_write(&net, blob, *size, size), GMLP_OK);
    gmlp_net_free(&net);
    return blob;
}

static int to_file(void *user, const void *bytes, size_t size) { return fwrite(bytes, 1, size, (FILE *)user) != size; }

/* These pixels with that blob, as a program leaves them that keeps metadata. */
static void save(const char *path, int container, int quality, uint8_t *pixels, const uint8_t *blob, size_t blob_size) {
    const gmlp_image image = image_of(pixels, GMLP_U8, GMLP_SRGB);
    const picture_write_opts opts = { quality, 0, 0, NULL, 0, NULL };
    uint8_t *bytes;
    size_t size;
    char error[256];
    gmlp_writer w;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(picture_encode_memory(container, &image, &opts, &bytes, &size, error), 0);
    w.user = f;
    w.write = to_file;
    assert_int_equal(gmlp_embed(bytes, size, blob, blob_size, NULL, &w, NULL), GMLP_OK);
    assert_int_equal(fclose(f), 0);
    free(bytes);
}

/* Where a changed picture takes its pixel from. */
typedef int change(int x, int y);
static int same(int x, int y) { return y * SIZE + x; }
static int mirrored(int x, int y) { return y * SIZE + SIZE - 1 - x; }
static int upside_down(int x, int y) { return (SIZE - 1 - y) * SIZE + x; }
static int half_turned(int x, int y) { return (SIZE - 1 - y) * SIZE + SIZE - 1 - x; }
static int quarter_turned(int x, int y) { return (SIZE - 1 - x) * SIZE + y; }
static int transposed(int x, int y) { return x * SIZE + y; }
static int shifted(int x, int y) { return (y + 24) % SIZE * SIZE + (x + 24) % SIZE; }

static void apply(change *from, uint8_t *out) {
    int x, y;
    for (y = 0; y < SIZE; y++)
        for (x = 0; x < SIZE; x++) memcpy(out + 3 * (y * SIZE + x), base + 3 * from(x, y), 3);
}

static int run(int hdr, const char *in, const char *out, const char *option, const char *value) {
    char *argv[] = { "command", (char *)(uintptr_t)in, (char *)(uintptr_t)out, (char *)(uintptr_t)option,
                     (char *)(uintptr_t)value };
    return (hdr ? cmd_hdr_decode : cmd_decode)(option ? value ? 5 : 4 : 3, argv);
}

static void tries(int hdr) {
    static change *const changes[] = { mirrored, upside_down, half_turned, quarter_turned, transposed, shifted };
    static const int refused[] = { 0, 0, 0, 0, 0, 1 }; /* turns are found out */
    static const char *const outs[2][4] = { { "out.png", "out.tif", "out.exr", NULL },
                                            { "out.png", "out.tif", "out.exr", "out.jpg" } };
    uint8_t pixels[PIXELS * 3];
    size_t blob_size, i, k;
    int container;
    for (container = GMLP_CONTAINER_JPEG; container <= GMLP_CONTAINER_PNG; container++) {
        const char *in = container == GMLP_CONTAINER_JPEG ? "in.jpg" : "in.png";
        uint8_t *blob = trained(hdr, base, &blob_size);
        save(in, container, 95, base, blob, blob_size);
        for (k = 0; k < 4 && outs[hdr][k]; k++) {
            assert_int_equal(run(hdr, in, outs[hdr][k], NULL, NULL), 0);
            assert_int_equal(unlink(outs[hdr][k]), 0);
        }
        for (i = 0; i < sizeof changes / sizeof *changes; i++) {
            apply(changes[i], pixels);
            save(in, container, 95, pixels, blob, blob_size);
            for (k = 0; k < 4 && outs[hdr][k]; k++) {
                assert_int_equal(run(hdr, in, outs[hdr][k], NULL, NULL), refused[i]);
                assert_int_equal(access(outs[hdr][k], F_OK), -refused[i]);
                unlink(outs[hdr][k]);
            }
            assert_int_equal(run(hdr, in, "out.png", "--crop", "40,40,16,16"), refused[i]);
            assert_int_equal(access("out.png", F_OK), -refused[i]);
            assert_int_equal(run(hdr, in, "out.png", "--force", NULL), 0);
            assert_int_equal(unlink("out.png"), 0);
        }
        apply(same, pixels);
        for (i = 0; i < PIXELS * 3; i++) pixels[i] = (uint8_t)(255 - pixels[i]);
        save(in, container, 95, pixels, blob, blob_size);
        assert_int_equal(run(hdr, in, "out.png", NULL, NULL), 1);
        free(blob);
    }
}

static void refuses_a_changed_picture(void **state) {
    (void)state;
    tries(0);
}

static void refuses_a_changed_hdr_picture(void **state) {
    (void)state;
    tries(1);
}

/* A network for a JPEG's own Y'CbCr, and that JPEG without it. The caller frees both. */
static uint8_t *trained_sycc(size_t *size, uint8_t **jpeg, size_t *jpeg_size) {
    static uint8_t codes[PIXELS * 3];
    const picture_write_opts opts = { 95, PICTURE_444, 0, NULL, 0, NULL };
    gmlp_image original = image_of(wide, GMLP_U16, GMLP_PROPHOTO), b = image_of(codes, GMLP_U8, GMLP_SYCC);
    gmlp_train_opts train;
    gmlp_net net;
    picture read;
    uint8_t *blob;
    char error[256];
    memset(&train, 0, sizeof train);
    train.iterations = 5;
    assert_int_equal(gmlp_reduce(&original, &b, NULL, NULL), GMLP_OK);
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &b, &opts, jpeg, jpeg_size, error), 0);
    assert_int_equal(picture_read_memory(*jpeg, *jpeg_size, "sycc.jpg", GMLP_SYCC, &read, error), 0);
    assert_int_equal(gmlp_train(&read.image, &original, &train, &net, NULL), GMLP_OK);
    picture_free(&read);
    *size = gmlp_blob_size(&net);
    blob = (uint8_t *)malloc(*size);
    assert_non_null(blob);
    assert_int_equal(gmlp_blob_write(&net, blob, *size, size), GMLP_OK);
    gmlp_net_free(&net);
    return blob;
}

static void embed(const char *path, const uint8_t *bytes, size_t size, const uint8_t *blob, size_t blob_size) {
    FILE *f = fopen(path, "wb");
    gmlp_writer w;
    assert_non_null(f);
    w.user = f;
    w.write = to_file;
    assert_int_equal(gmlp_embed(bytes, size, blob, blob_size, NULL, &w, NULL), GMLP_OK);
    assert_int_equal(fclose(f), 0);
}

/* What the messages of a command are. */
static int said(int hdr, const char *in, const char *out, const char *text) {
    static char all[4096];
    const int kept = dup(2);
    FILE *f;
    size_t n;
    fflush(stderr);
    assert_non_null(freopen("messages", "w", stderr));
    n = (size_t)run(hdr, in, out, NULL, NULL);
    fflush(stderr);
    assert_int_equal(dup2(kept, 2), 2);
    close(kept);
    assert_int_equal(n, 0);
    assert_non_null(f = fopen("messages", "rb"));
    n = fread(all, 1, sizeof all - 1, f);
    fclose(f);
    all[n] = 0;
    return strstr(all, text) != NULL;
}

static int inspected(const char *in) {
    char *argv[] = { "inspect", (char *)(uintptr_t)in };
    return cmd_inspect(2, argv);
}

/* Saved anew by a program that keeps only sRGB, at any quality, as a PNG, too: decoded, and it is said. */
static void tells_what_was_clipped(void **state) {
    static const int qualities[] = { 60, 75, 85, 90, 95, 100 };
    static const char warning[] = "warning: in.jpg: was saved anew by a program that keeps only sRGB: the colours outside it are gone";
    uint8_t *jpeg, *bytes;
    size_t size, jpeg_size, blob_size, i;
    uint8_t *blob = trained_sycc(&blob_size, &jpeg, &jpeg_size);
    picture shown;
    char error[256];
    (void)state;
    embed("in.jpg", jpeg, jpeg_size, blob, blob_size);
    assert_false(said(0, "in.jpg", "out.png", "warning"));
    assert_int_equal(inspected("in.jpg"), 0);
    assert_int_equal(picture_read_memory(jpeg, jpeg_size, "in.jpg", GMLP_SRGB, &shown, error), 0);
    for (i = 0; i < 2 * sizeof qualities / sizeof *qualities; i++) {
        picture_write_opts opts;
        memset(&opts, 0, sizeof opts);
        opts.quality = qualities[i / 2];
        opts.subsample = i % 2 ? PICTURE_420 : PICTURE_444;
        assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &shown.image, &opts, &bytes, &size, error), 0);
        embed("in.jpg", bytes, size, blob, blob_size);
        free(bytes);
        assert_true(said(0, "in.jpg", "out.png", warning));
        assert_int_equal(unlink("out.png"), 0);
        assert_int_equal(inspected("in.jpg"), 1);
    }
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_PNG, &shown.image, NULL, &bytes, &size, error), 0);
    embed("in.png", bytes, size, blob, blob_size);
    free(bytes);
    assert_true(said(0, "in.png", "out.png", "warning: in.png: was saved anew"));
    assert_int_equal(unlink("out.png"), 0);
    assert_int_equal(inspected("in.png"), 1);
    /* another picture is refused as ever */
    for (i = 0; i < PIXELS * 3; i++) ((uint8_t *)shown.image.data)[i] = (uint8_t)(255 - ((uint8_t *)shown.image.data)[i]);
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_PNG, &shown.image, NULL, &bytes, &size, error), 0);
    embed("in.png", bytes, size, blob, blob_size);
    free(bytes);
    assert_int_equal(run(0, "in.png", "out.png", NULL, NULL), 1);
    assert_int_equal(access("out.png", F_OK), -1);
    assert_int_equal(inspected("in.png"), 1);
    picture_free(&shown);
    free(blob);
    free(jpeg);
}

/* The file became grey. */
static void refuses_what_holds_no_sycc(void **state) {
    const picture_write_opts opts = { 95, PICTURE_444, 0, NULL, 0, NULL };
    const gmlp_image b = image_of(base, GMLP_U8, GMLP_SRGB);
    uint8_t *bytes, *jpeg;
    size_t file_size, blob_size;
    uint8_t *blob = trained_sycc(&blob_size, &jpeg, &file_size);
    char error[256], reason[REASON];
    FILE *f = fopen("bare.jpg", "wb");
    (void)state;
    assert_non_null(f);
    assert_int_equal(jpeg_save_bare(f, &b, 1, &opts, reason), 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(file_read("bare.jpg", &bytes, &file_size, error), 0);
    embed("grey.jpg", bytes, file_size, blob, blob_size);
    free(bytes);
    free(blob);
    free(jpeg);
    assert_int_equal(run(0, "grey.jpg", "out.png", "--force", NULL), 1);
    assert_int_equal(access("out.png", F_OK), -1);
}

static int begin(void **state) {
    gmlp_image original = image_of(wide, GMLP_U16, GMLP_PROPHOTO), b = image_of(base, GMLP_U8, GMLP_SRGB);
    (void)state;
    test_picture(wide, SIZE, SIZE, 1);
    return gmlp_reduce(&original, &b, NULL, NULL) != GMLP_OK || !mkdtemp(folder) || chdir(folder);
}

static int end(void **state) {
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(refuses_a_changed_picture),
                                        cmocka_unit_test(refuses_a_changed_hdr_picture),
                                        cmocka_unit_test(tells_what_was_clipped),
                                        cmocka_unit_test(refuses_what_holds_no_sycc) };
    return cmocka_run_group_tests(tests, begin, end);
}
