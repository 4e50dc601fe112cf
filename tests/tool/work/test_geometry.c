/* Cut, resized, turned, mirrored, of a picture as it is shown: against plain loops, one step after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "work/geometry.h"

enum { W = 7, H = 5, MOST = 64 };

typedef struct {
    int w, h;
    uint8_t at[MOST][3];
} shot;

static shot turned_right(const shot *s) {
    shot t = { s->h, s->w, { { 0 } } };
    for (int y = 0; y < t.h; y++)
        for (int x = 0; x < t.w; x++) memcpy(t.at[y * t.w + x], s->at[(s->h - 1 - x) * s->w + y], 3);
    return t;
}
static shot mirrored(const shot *s) {
    shot t = *s;
    for (int y = 0; y < t.h; y++)
        for (int x = 0; x < t.w; x++) memcpy(t.at[y * t.w + x], s->at[y * s->w + s->w - 1 - x], 3);
    return t;
}
static shot times(const shot *s, int right, int mirror_first) {
    shot t = mirror_first ? mirrored(s) : *s;
    while (right--) t = turned_right(&t);
    return t;
}
/* What EXIF's orientations ask for: mirrored or not, then quarter turns to the right. */
static shot upright(const shot *s, int orientation) {
    static const int mirror[9] = { 0, 0, 1, 0, 1, 1, 0, 1, 0 }, right[9] = { 0, 0, 0, 2, 2, 3, 1, 1, 3 };
    return times(s, right[orientation], mirror[orientation]);
}

static void turns(void **state) {
    static const char *const crops[] = { NULL, "0,0,5,5", "1,2,3,2", "4,0,1,5" };
    shot stored = { W, H, { { 0 } } };
    uint8_t seen[W * H][4]; /* the same with alpha, by which each pixel is known again */
    const gmlp_image base = { stored.at, W, H, 0, GMLP_U8, 3, GMLP_SRGB, 0 },
                     with_alpha = { seen, W, H, 0, GMLP_U8, 4, GMLP_SRGB, 0 };
    char error[256];
    (void)state;
    for (int i = 0; i < W * H * 3; i++) stored.at[i / 3][i % 3] = (uint8_t)(7 * i);
    for (int i = 0; i < W * H; i++) {
        memcpy(seen[i], stored.at[i], 3);
        seen[i][3] = (uint8_t)~stored.at[i][1];
    }
    for (int i = 0; i < 8 * 4 * 4 * 3; i++) {
        const int orientation = i % 8 + 1, rotate = i / 8 % 4 - 1, crop = i / 32 % 4, flip = i / 128 - 1;
        geometry_words words = { crops[crop], NULL, rotate, flip };
        shot want = upright(&stored, orientation);
        gmlp_geometry g;
        picture got;
        uint32_t w, h;
        if (words.crop) {
            int p[4];
            shot part;
            assert_int_equal(sscanf(words.crop, "%d,%d,%d,%d", &p[0], &p[1], &p[2], &p[3]), 4);
            part.w = p[2], part.h = p[3];
            for (int y = 0; y < p[3]; y++)
                for (int x = 0; x < p[2]; x++)
                    memcpy(part.at[y * p[2] + x], want.at[(p[1] + y) * want.w + p[0] + x], 3);
            want = part;
        }
        want = times(&want, rotate + 1, 0);
        if (flip >= 0) want = mirrored(&want);
        if (flip == 1) want = times(&want, 2, 0); /* upside down */
        assert_int_equal(geometry_of(&words, W, H, orientation, &g, error), 0);
        assert_false(geometry_resizes(&g));
        geometry_size(&g, &w, &h);
        assert_int_equal(w, want.w);
        assert_int_equal(h, want.h);
        assert_int_equal(geometry_codes(&g, &base, &got, error), 0);
        assert_int_equal(got.image.width, want.w);
        assert_int_equal(got.image.height, want.h);
        assert_memory_equal(got.image.data, want.at, (size_t)(want.w * want.h * 3));
        assert_null(got.alpha);
        picture_free(&got);
        assert_int_equal(geometry_codes(&g, &with_alpha, &got, error), 0);
        assert_memory_equal(got.image.data, want.at, (size_t)(want.w * want.h * 3));
        for (int k = 0; k < want.w * want.h; k++) assert_int_equal(got.alpha[k], (uint8_t)~want.at[k][1]);
        picture_free(&got);
    }
}

static void sizes(void **state) {
    static const struct {
        const char *crop, *resize;
        int orientation, rotate;
        uint32_t width, height; /* 0: refused */
    } cases[] = {
        { NULL, "50%", 1, -1, 200, 150 },     { NULL, "33.4%", 1, -1, 134, 100 },      { NULL, "0.01%", 1, -1, 1, 1 },
        { NULL, "640x480", 1, -1, 640, 480 }, { NULL, "640x480", 6, -1, 640, 480 },    { NULL, "640x480", 6, 0, 480, 640 },
        { NULL, "50%", 8, -1, 150, 200 },     { "10,20,101,51", "10%", 5, 2, 5, 10 },  { NULL, "400x300", 1, -1, 400, 300 },
        { NULL, "0%", 1, -1, 0, 0 },          { NULL, "-50%", 1, -1, 0, 0 },           { NULL, "50", 1, -1, 0, 0 },
        { NULL, "50%%", 1, -1, 0, 0 },        { NULL, "0x5", 1, -1, 0, 0 },            { NULL, "5x", 1, -1, 0, 0 },
        { NULL, "5x6x7", 1, -1, 0, 0 },       { NULL, "65536x5", 1, -1, 0, 0 },        { NULL, "20000%", 1, -1, 0, 0 },
        { NULL, "1e300%", 1, -1, 0, 0 },      { "0,0,401,300", NULL, 1, -1, 0, 0 },    { "0,0,300,400", NULL, 1, -1, 0, 0 },
        { "0,0,300,400", NULL, 6, -1, 300, 400 }, { "1,0,400,1", NULL, 1, -1, 0, 0 },  { "0,0,0,1", NULL, 1, -1, 0, 0 },
        { "0,0,1", NULL, 1, -1, 0, 0 },       { "0,0,1,1,1", NULL, 1, -1, 0, 0 },      { "-1,0,1,1", NULL, 1, -1, 0, 0 },
        { "99999999999999999999,0,1,1", NULL, 1, -1, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const geometry_words words = { cases[i].crop, cases[i].resize, cases[i].rotate, -1 };
        gmlp_geometry g;
        uint32_t w, h;
        char error[256] = "";
        if (geometry_of(&words, 400, 300, cases[i].orientation, &g, error)) {
            assert_int_equal(cases[i].width, 0);
            assert_non_null(strstr(error, cases[i].crop ? "--crop" : "--resize"));
            continue;
        }
        geometry_size(&g, &w, &h);
        assert_int_equal(w, cases[i].width);
        assert_int_equal(h, cases[i].height);
        assert_int_equal(geometry_resizes(&g), cases[i].resize && strcmp(cases[i].resize, "400x300"));
    }
}

/* Resized in light: black and white in equal parts are half of the light, which is code 188. */
static void light(void **state) {
    uint8_t stripes[16 * 16 * 3];
    const gmlp_image base = { stripes, 16, 16, 0, GMLP_U8, 3, GMLP_SRGB, 0 };
    const gmlp_geometry g = { 0, 0, 16, 16, 2, 2, 6 };
    picture got;
    char error[256];
    (void)state;
    for (int i = 0; i < 16 * 16 * 3; i++) stripes[i] = i / 3 % 2 ? 255 : 0;
    assert_int_equal(geometry_codes(&g, &base, &got, error), 0);
    assert_int_equal(got.image.width, 2);
    for (int i = 0; i < 12; i++) assert_in_range(((uint8_t *)got.image.data)[i], 184, 192);
    picture_free(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(turns), cmocka_unit_test(sizes), cmocka_unit_test(light) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
