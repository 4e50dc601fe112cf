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
    const picture_write_opts opts = { quality, 0, NULL, 0 };
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
                assert_int_equal(run(hdr, in, outs[hdr][k], NULL, NULL), 1);
                assert_int_equal(access(outs[hdr][k], F_OK), -1);
            }
            assert_int_equal(run(hdr, in, "out.png", "--crop", "40,40,16,16"), 1);
            assert_int_equal(access("out.png", F_OK), -1);
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

/* A network for the JPEG's own Y'CbCr: the file became another format, or grey. */
static void refuses_what_holds_no_sycc(void **state) {
    static uint8_t codes[PIXELS * 3];
    const picture_write_opts opts = { 95, PICTURE_444, NULL, 0 };
    gmlp_image original = image_of(wide, GMLP_U16, GMLP_PROPHOTO), b = image_of(codes, GMLP_U8, GMLP_SYCC);
    gmlp_net net;
    uint8_t blob[65536], *bytes;
    size_t size = sizeof blob, file_size;
    char error[256], reason[REASON];
    FILE *f = fopen("sycc.jpg", "wb");
    gmlp_writer w = { f, to_file };
    gmlp_train_opts train;
    (void)state;
    memset(&train, 0, sizeof train);
    train.iterations = 5;
    assert_non_null(f);
    assert_int_equal(gmlp_reduce(&original, &b, NULL, NULL), GMLP_OK);
    assert_int_equal(gmlp_train(&b, &original, &train, &net, NULL), GMLP_OK);
    assert_int_equal(gmlp_blob_write(&net, blob, size, &size), GMLP_OK);
    gmlp_net_free(&net);
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &b, &opts, &bytes, &file_size, error), 0);
    assert_int_equal(gmlp_embed(bytes, file_size, blob, size, NULL, &w, NULL), GMLP_OK);
    assert_int_equal(fclose(f), 0);
    free(bytes);
    assert_int_equal(run(0, "sycc.jpg", "out.png", NULL, NULL), 0);
    assert_int_equal(unlink("out.png"), 0);
    save("sycc.png", GMLP_CONTAINER_PNG, 0, base, blob, size);
    assert_int_equal(run(0, "sycc.png", "out.png", "--force", NULL), 1);
    f = fopen("bare.jpg", "wb");
    assert_non_null(f);
    assert_int_equal(jpeg_save_bare(f, &b, 1, &opts, reason), 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(file_read("bare.jpg", &bytes, &file_size, error), 0);
    w.user = f = fopen("grey.jpg", "wb");
    assert_non_null(f);
    assert_int_equal(gmlp_embed(bytes, file_size, blob, size, NULL, &w, NULL), GMLP_OK);
    assert_int_equal(fclose(f), 0);
    free(bytes);
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
                                        cmocka_unit_test(refuses_what_holds_no_sycc) };
    return cmocka_run_group_tests(tests, begin, end);
}
