/* Pixels that nobody sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "work/hidden.h"

static gmlp_image image_of(void *data, uint32_t width, uint32_t height, int type, int channels, int space) {
    gmlp_image i;
    memset(&i, 0, sizeof i);
    i.data = data;
    i.width = width;
    i.height = height;
    i.type = type;
    i.channels = channels;
    i.space = space;
    return i;
}

static void not_the_networks(void **state) {
    uint8_t codes[18] = { 0, 0, 0, 255, 255, 255, 0, 255, 7, 255, 255, 254, 0, 255, 7, 9, 0, 0 };
    static const uint8_t alpha[6] = { 0, 0, 0, 0, 1, 255 };
    static const uint8_t want[18] = { 0, 0, 0, 255, 255, 255, 1, 254, 7, 254, 254, 254, 0, 255, 7, 9, 0, 0 };
    const gmlp_image base = image_of(codes, 3, 2, GMLP_U8, 3, GMLP_SRGB);
    int most;
    (void)state;
    hidden_codes(NULL, &base);
    assert_int_equal(codes[6], 0);
    hidden_codes(alpha, &base);
    assert_memory_equal(codes, want, sizeof want);
    memset(codes, 200, sizeof codes); /* of one colour: what is seen stays */
    hidden_codes(alpha, &base);
    assert_memory_equal(codes, "\0\0\0\0\0\0\0\0\0\0\0\0\310\310\310\310\310\310", 18);
    for (most = 0; most < 2; most++) { /* of nearly one */
        uint8_t row[16 * 3];
        static const uint8_t none[16];
        const gmlp_image line = image_of(row, 16, 1, GMLP_U8, 3, GMLP_SRGB);
        memset(row, 255, sizeof row);
        memset(row, 90, most ? 6 : 9); /* the first ones are others */
        hidden_codes(none, &line);
        assert_int_equal(row[0], most ? 0 : 90);
        assert_int_equal(row[47], most ? 0 : 255);
    }
}

/* The light of the base, and only there. */
static void settled(void **state) {
    static const uint8_t alpha[8] = { 0, 9, 0, 0, 255, 255, 255, 0 };
    uint8_t codes[24];
    float light[24];
    const gmlp_image base = image_of(codes, 4, 2, GMLP_U8, 3, GMLP_SRGB),
                     original = image_of(light, 4, 2, GMLP_F32, 3, GMLP_SRGB_LINEAR);
    int i;
    (void)state;
    for (i = 0; i < 24; i++) {
        codes[i] = (uint8_t)(10 * i);
        light[i] = 7;
    }
    assert_int_equal(hidden_settle(alpha, &base, &original, NULL), GMLP_OK);
    for (i = 0; i < 24; i++) {
        const double want = alpha[i / 3] ? 7 : gmlp_curve_decode(GMLP_SRGB, codes[i] / 255.0, 0);
        assert_true(fabs((double)light[i] - want) < 1e-5);
    }
    assert_true(fabs(hidden_psnr(alpha, &base) - 10 * log10(0.5)) < 1e-9);
    assert_true(hidden_psnr(NULL, &base) == 0);
}

enum { SIDE = 64 };

static void fill(uint8_t *rgba) {
    int x, y, c;
    for (y = 0; y < SIDE; y++)
        for (x = 0; x < SIDE; x++, rgba += 4) {
            for (c = 0; c < 3; c++) rgba[c] = (uint8_t)(40 + 2 * x + y + 20 * c);
            rgba[3] = x < 20 && y < 40 ? 0 : 255;
        }
}

static void changed(void **state) {
    static uint8_t rgba[SIDE * SIDE * 4];
    uint8_t signature[GMLP_SIGNATURE_SIZE], own[GMLP_SIGNATURE_SIZE];
    gmlp_image base = image_of(rgba, SIDE, SIDE, GMLP_U8, 4, GMLP_SRGB);
    gmlp_signature s;
    gmlp_net net;
    int i, x, y;
    (void)state;
    memset(&net, 0, sizeof net);
    net.base_width = net.base_height = SIDE;
    net.base_space = GMLP_SRGB;
    fill(rgba);
    gmlp_signature_begin(&s, SIDE, SIDE);
    gmlp_signature_rows(&s, &base, 0);
    gmlp_signature_finish(&s, net.signature);
    for (i = 0; i < SIDE * SIDE; i++)
        if (!rgba[4 * i + 3]) memset(rgba + 4 * i, 255, 3);
    assert_int_equal(hidden_changed(&net, &base, signature), 1);
    gmlp_signature_begin(&s, SIDE, SIDE);
    gmlp_signature_rows(&s, &base, 0);
    gmlp_signature_finish(&s, own);
    assert_memory_equal(signature, own, sizeof own);
    assert_int_equal(gmlp_signature_match(own, net.signature), 0);
    net.base_width = SIDE + 1; /* another size */
    assert_int_equal(hidden_changed(&net, &base, signature), 0);
    net.base_width = SIDE;
    for (y = 48; y < 56; y++) /* what is seen in one cell */
        for (x = 48; x < 56; x++) rgba[4 * (y * SIDE + x)] ^= 128;
    assert_int_equal(hidden_changed(&net, &base, signature), 0);
    fill(rgba);
    for (x = 0; x < 10 * SIDE; x++) memset(rgba + 4 * x, 0, 3); /* more than the hidden pixels of their cells can do */
    assert_int_equal(hidden_changed(&net, &base, signature), 0);
    fill(rgba);
    for (i = 0; i < SIDE * SIDE; i++) /* too little is seen */
        rgba[4 * i + 3] = i % 5 ? 255 : 0;
    assert_int_equal(hidden_changed(&net, &base, signature), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(not_the_networks), cmocka_unit_test(settled),
                                        cmocka_unit_test(changed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
