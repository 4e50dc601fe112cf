/* Codes that were cut down to whole ones after resizing are told by the signature from rounded ones. */
#include "work/edited.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Cells of 24 x 18: whole pixels at half and at two thirds. */
enum { W = 192, H = 144, MOST = W * H };

static double truth(double u, double v, int c) {
    const double t = 128 + 90 * sin(0.05 * u + c) * cos(0.043 * v - c) + 50 * sin(0.011 * (u + v));
    return t < 0 ? 0 : t > 255 ? 255 : t;
}

/* What is found in a base of w x h pixels at these coordinates, whose codes are cut down with this added. */
static double found(const gmlp_coords *coords, const gmlp_coords *was, uint32_t w, uint32_t h, double added) {
    static uint8_t original[MOST * 3], pixels[MOST * 3];
    gmlp_image base = { original, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0 };
    gmlp_net net;
    gmlp_signature s;
    memset(&net, 0, sizeof net);
    net.coords = *was;
    net.base_width = base.width = was->transpose ? H : W;
    net.base_height = base.height = was->transpose ? W : H;
    for (uint32_t i = 0; i < MOST * 3; i++) {
        const uint32_t x = i / 3 % base.width, y = i / 3 / base.width;
        const double u = (double)was->col + (double)was->col_step * (was->transpose ? y : x),
                     v = (double)was->row + (double)was->row_step * (was->transpose ? x : y);
        original[i] = (uint8_t)(truth(u, v, (int)(i % 3)) + 0.5);
    }
    assert_int_equal(gmlp_signature_begin(&s, base.width, base.height), GMLP_OK);
    assert_int_equal(gmlp_signature_rows(&s, &base, 0), GMLP_OK);
    assert_int_equal(gmlp_signature_finish(&s, net.signature), GMLP_OK);
    base.data = pixels;
    base.width = w;
    base.height = h;
    assert_true(w * h <= MOST);
    for (uint32_t i = 0; i < w * h * 3; i++) {
        const uint32_t x = i / 3 % w, y = i / 3 / w;
        const double u = (double)coords->col + (double)coords->col_step * (coords->transpose ? y : x),
                     v = (double)coords->row + (double)coords->row_step * (coords->transpose ? x : y);
        pixels[i] = (uint8_t)(truth(u, v, (int)(i % 3)) + added);
    }
    return codes_lost(&net, &base, coords);
}

static void lost(void **state) {
    static const gmlp_coords whole = { 0, 1, 0, 1, 0 }, turned = { 0, 1, H - 1, -1, 1 };
    static const struct {
        gmlp_coords coords;
        uint32_t w, h;
    } edits[] = { { { 0.5f, 2, 0.5f, 2, 0 }, W / 2, H / 2 },               /* half */
                  { { W - 1.5f, -2, 0.5f, 2, 1 }, H / 2, W / 2 },          /* turned, half */
                  { { 24.25f, 1.5f, 18.25f, 1.5f, 0 }, 96, 72 } };        /* a part */
    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        for (int was = 0; was < 2; was++) {
            const gmlp_coords *net = was ? &turned : &whole;
            const double cut = found(&edits[i].coords, net, edits[i].w, edits[i].h, 0),
                         rounded = found(&edits[i].coords, net, edits[i].w, edits[i].h, 0.5);
            if (cut < 0.4 || cut > 0.5 || rounded > 0)
                fail_msg("edit %d: cut %.2f, rounded %.2f", (int)i, cut, rounded);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(lost) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
