/* What a network is trained on: pieces that are what their text says, and the same for the same seed. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pictures/picture.h"
#include "work/pieces.h"

enum { W = 90, H = 70, SIZE = 32, PIXELS = SIZE * SIZE };
static uint16_t halves[W * H * 3];

/* Colours of ProPhoto that sRGB cannot hold, and others. */
static source make_source(int scene) {
    source s;
    uint32_t x, y, c;
    memset(&s, 0, sizeof s);
    for (y = 0; y < H; y++)
        for (x = 0; x < W; x++)
            for (c = 0; c < 3; c++)
                halves[(y * W + x) * 3 + c] = gmlp_half_from_float((float)((x * (c + 1) + y * (3 - c)) % 61) / 60.0f);
    s.image.data = halves;
    s.image.width = W;
    s.image.height = H;
    s.image.type = GMLP_F16;
    s.image.channels = 3;
    s.image.space = GMLP_PROPHOTO_LINEAR;
    s.scene = scene;
    s.grey = 0.3;
    return s;
}

static int same(const piece *a, const piece *b) {
    return a->clip_margin == b->clip_margin && !memcmp(a->wide.data, b->wide.data, PIXELS * 12) &&
           !memcmp(a->base.data, b->base.data, PIXELS * 3);
}

static void test_seeds(void **state) {
    const source s[2] = { make_source(0), make_source(1) };
    int seed, jpegs = 0;
    (void)state;
    for (seed = 0; seed < 80; seed++) {
        piece a, b, c;
        uint8_t clipped[PIXELS * 3];
        gmlp_image base;
        gmlp_gamut_report report;
        int i;
        assert_int_equal(piece_make(s, 2, SIZE, (uint64_t)seed, 0, &a), 0);
        assert_int_equal(piece_make(s, 2, SIZE, (uint64_t)seed, 0, &b), 0);
        assert_int_equal(piece_make(s, 2, SIZE, (uint64_t)seed + 1000, 0, &c), 0);
        assert_true(same(&a, &b) && !same(&a, &c));
        for (i = 0; i < PIXELS * 3; i++)
            assert_true(((float *)a.wide.data)[i] >= 0.0f && ((float *)a.wide.data)[i] <= 1.0f);
        base = a.base;
        base.data = clipped;
        assert_int_equal(gmlp_reduce(&a.wide, &base, NULL, &report), GMLP_OK);
        assert_true(report.saturated * 32 >= PIXELS);
        if (a.clip_margin) { /* not the same, and not another picture */
            double sum = 0;
            for (i = 0; i < PIXELS * 3; i++) sum += abs(clipped[i] - ((uint8_t *)a.base.data)[i]);
            assert_int_equal(a.clip_margin, 8);
            assert_true(sum > 0 && sum / (PIXELS * 3) < 40);
            jpegs++;
        } else assert_memory_equal(clipped, a.base.data, sizeof clipped);
        piece_free(&a);
        piece_free(&b);
        piece_free(&c);
    }
    assert_in_range(jpegs, 10, 32); /* one in four of 80 */
}

/* Without a style a piece is a part of the photograph; of a scene's light, what the formula makes of it. */
static void test_plain(void **state) {
    int scene, seed;
    (void)state;
    for (scene = 0; scene < 2; scene++)
        for (seed = 0; seed < 6; seed++) {
            const source s = make_source(scene);
            const float *got;
            uint32_t x, y, i, c;
            int found = 0;
            piece p;
            assert_int_equal(piece_make(&s, 1, SIZE, (uint64_t)seed, 1, &p), 0);
            assert_int_equal(p.clip_margin, 0);
            got = (const float *)p.wide.data;
            for (y = 0; y + SIZE <= H && !found; y++)
                for (x = 0; x + SIZE <= W && !found; x++) {
                    for (i = 0; i < PIXELS; i++) {
                        const uint16_t *from = halves + ((y + i / SIZE) * W + x + i % SIZE) * 3;
                        double v[3], l;
                        for (c = 0; c < 3; c++) v[c] = (double)gmlp_half_to_float(from[c]) * (scene ? 0.18 / 0.3 : 1);
                        l = 0.2880 * v[0] + 0.7119 * v[1] + 0.0001 * v[2];
                        for (c = 0; c < 3; c++) {
                            double want = v[c];
                            if (scene) want = 1 - exp(-1.5 * fmax(0, l + 1.6 * (v[c] - l)));
                            if (fabs(want - (double)got[i * 3 + c]) > 1e-5) break;
                        }
                        if (c < 3) break;
                    }
                    found = i == PIXELS;
                }
            assert_true(found);
            piece_free(&p);
        }
}

/* All of a photograph is what its plain pieces are parts of. */
static void test_whole(void **state) {
    int scene;
    (void)state;
    for (scene = 0; scene < 2; scene++) {
        const source s = make_source(scene);
        gmlp_image wide;
        uint32_t x, y, row;
        int found = 0;
        piece p;
        assert_int_equal(source_plain(&s, &wide), 0);
        assert_true(wide.width == W && wide.height == H && wide.type == GMLP_F32 && wide.space == GMLP_PROPHOTO_LINEAR);
        assert_int_equal(piece_make(&s, 1, SIZE, 4, 1, &p), 0);
        for (y = 0; y + SIZE <= H && !found; y++)
            for (x = 0; x + SIZE <= W && !found; x++) {
                for (row = 0; row < SIZE; row++)
                    if (memcmp((float *)p.wide.data + row * SIZE * 3, (float *)wide.data + ((y + row) * W + x) * 3, SIZE * 12))
                        break;
                found = row == SIZE;
            }
        assert_true(found);
        piece_free(&p);
        free(wide.data);
    }
}

/* Half of the pieces are as they were taken: of a photograph, parts of it. */
static void test_half_are_plain(void **state) {
    const source s = make_source(0);
    int seed, plain = 0;
    (void)state;
    for (seed = 0; seed < 100; seed++) {
        int own = 1;
        uint32_t i, k;
        piece p;
        assert_int_equal(piece_make(&s, 1, SIZE, (uint64_t)seed, 0, &p), 0);
        for (i = 0; i < PIXELS * 3 && own; i++) {
            own = 0;
            for (k = 0; k <= 60 && !own; k++) /* its values are sixtieths */
                own = fabsf(((float *)p.wide.data)[i] - gmlp_half_to_float(gmlp_half_from_float((float)k / 60.0f))) < 1e-5f;
        }
        plain += own;
        piece_free(&p);
    }
    assert_in_range(plain, 30, 70);
}

static void test_names(void **state) {
    source_names n;
    char error[256];
    FILE *f = fopen("pieces_test.txt", "w");
    (void)state;
    assert_non_null(f);
    fputs("# photographs\na.png\n\nb c.exr", f);
    fclose(f);
    assert_int_equal(source_names_read("pieces_test.txt", &n, error), 0);
    assert_int_equal(n.count, 2);
    assert_string_equal(n.name[0], "a.png");
    assert_string_equal(n.name[1], "b c.exr");
    source_names_free(&n);
    f = fopen("pieces_test.txt", "w");
    fputs("# none\n", f);
    fclose(f);
    assert_int_equal(source_names_read("pieces_test.txt", &n, error), -1);
    assert_non_null(strstr(error, "pieces_test.txt: no file names"));
    source_names_free(&n);
    remove("pieces_test.txt");
    assert_int_equal(source_names_read("pieces_test.txt", &n, error), -1);
    source_names_free(&n);
}

static void test_reading(void **state) {
    static uint16_t codes[40 * 33 * 3];
    gmlp_image im;
    source s;
    char error[256];
    size_t i;
    (void)state;
    for (i = 0; i < 40 * 33 * 3; i++) codes[i] = (uint16_t)(i * 977);
    memset(&im, 0, sizeof im);
    im.data = codes;
    im.width = 40;
    im.height = 33;
    im.type = GMLP_U16;
    im.channels = 3;
    im.space = GMLP_PROPHOTO;
    assert_int_equal(picture_write("pieces_test.png", &im, NULL, error), 0);
    assert_int_equal(source_read("pieces_test.png", GMLP_PROPHOTO, 32, "test", &s, error), 0);
    assert_true(s.image.width == 40 && s.image.height == 33 && !s.scene && s.grey > 0 && s.grey < 1);
    source_free(&s);
    assert_int_equal(source_read("pieces_test.png", GMLP_PROPHOTO, 34, "test", &s, error), -1);
    assert_non_null(strstr(error, "pieces_test.png: 40 x 33"));
    assert_null(s.image.data);
    remove("pieces_test.png");
    assert_int_equal(source_read("pieces_test.png", 0, 32, "test", &s, error), -1);
    assert_non_null(strstr(error, "pieces_test.png"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds), cmocka_unit_test(test_plain), cmocka_unit_test(test_whole),
        cmocka_unit_test(test_half_are_plain), cmocka_unit_test(test_names), cmocka_unit_test(test_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
