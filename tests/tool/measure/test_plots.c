/* Plots: what a reader of the written files sees. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

#include "gamutmlp.h"
#include "measure/chart.c"
#include "measure/chromaticity.c"
#include "measure/heatmap.c"
#include "measure/labels.c"

static char folder[] = "/tmp/test_plots_XXXXXX", path[64];

static int folder_make(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state) {
    (void)state;
    return rmdir(folder); /* fails if a test left something behind */
}

static const char *in_folder(const char *name) {
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static gmlp_image picture_of(void *data, uint32_t width, uint32_t height, int type, int space) {
    gmlp_image image = {0};
    image.data = data;
    image.width = width;
    image.height = height;
    image.type = type;
    image.space = space;
    return image;
}

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.12g is not %.12g +- %g", value, expected, tolerance);
}

/* The whole file, which is removed; ends with a 0. */
static char *take_file(const char *name, size_t *size) {
    char error[256];
    uint8_t *bytes, *text;
    if (file_read(name, &bytes, size, error)) fail_msg("%s", error);
    text = (uint8_t *)realloc(bytes, *size + 1);
    assert_non_null(text);
    text[*size] = 0;
    assert_int_equal(unlink(name), 0);
    return (char *)text;
}

typedef struct seen {
    int width, height;
    uint8_t *rgb;
} seen;

static seen take_png(const char *name) {
    png_image png;
    seen s;
    memset(&png, 0, sizeof png);
    png.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_file(&png, name)) fail_msg("%s: %s", name, png.message);
    assert_int_equal(png.format & PNG_FORMAT_FLAG_ALPHA, 0);
    png.format = PNG_FORMAT_RGB;
    s.width = (int)png.width;
    s.height = (int)png.height;
    s.rgb = (uint8_t *)malloc(PNG_IMAGE_SIZE(png));
    assert_non_null(s.rgb);
    assert_int_equal(png_image_finish_read(&png, NULL, s.rgb, 0, NULL), 1);
    assert_int_equal(unlink(name), 0);
    return s;
}

static const uint8_t *at(const seen *s, int x, int y) {
    assert_true(x >= 0 && y >= 0 && x < s->width && y < s->height);
    return s->rgb + 3 * ((size_t)y * (size_t)s->width + (size_t)x);
}

/* Well-formed: every element that begins ends in its turn. Returns how many elements of a name there are. */
static size_t elements(const char *text, const char *name) {
    char open[32][32];
    size_t depth = 0, count = 0;
    for (const char *p = strchr(text, '<'); p; p = strchr(p, '<')) {
        const char *end = strchr(p, '>');
        size_t n;
        assert_non_null(end);
        assert_null(memchr(p + 1, '<', (size_t)(end - p - 1)));
        if (p[1] == '?') {
            p = end;
            continue;
        }
        n = strcspn(p + 1 + (p[1] == '/'), " \n/>");
        assert_true(n > 0 && n < sizeof *open);
        if (p[1] == '/') {
            assert_true(depth > 0);
            depth--;
            assert_true(strlen(open[depth]) == n && !memcmp(p + 2, open[depth], n));
        } else {
            assert_true(depth < 32);
            memcpy(open[depth], p + 1, n);
            open[depth][n] = 0;
            count += !strcmp(open[depth], name);
            if (end[-1] != '/') depth++;
        }
        p = end;
    }
    assert_int_equal(depth, 0);
    return count;
}

/* The heat map. */

static void srgb_to_lab(const colour *c, double lab[3]) {
    /* IEC 61966-2-1's linear light by the Bradford-adapted matrix to XYZ of D50, as a fraction of white */
    static const double m[9] = {0.4360747, 0.3850649, 0.1430804, 0.2225045, 0.7168786,
                                0.0606169, 0.0139322, 0.0971045, 0.7141733};
    const double codes[3] = {c->r, c->g, c->b};
    double linear[3], f[3];
    for (int i = 0; i < 3; i++)
        linear[i] = codes[i] <= 0.04045 ? codes[i] / 12.92 : pow((codes[i] + 0.055) / 1.055, 2.4);
    for (int i = 0; i < 3; i++) {
        const double v = (m[3 * i] * linear[0] + m[3 * i + 1] * linear[1] + m[3 * i + 2] * linear[2]) /
                         (m[3 * i] + m[3 * i + 1] + m[3 * i + 2]);
        f[i] = v > 216.0 / 24389 ? cbrt(v) : (24389.0 / 27 * v + 16) / 116;
    }
    lab[0] = 116 * f[1] - 16;
    lab[1] = 500 * (f[0] - f[1]);
    lab[2] = 200 * (f[1] - f[2]);
}

/* Steps of the colour scale: equal in CIE Lab, as far as its few codes allow, and ever lighter. */
static void colour_scale(void **state) {
    double lab[3], last[3] = {-1, 0, 0}, least = INFINITY, most = 0;
    (void)state;
    for (int i = 0; i <= 64; i++) {
        const colour c = heat_colour(i / 64.0);
        srgb_to_lab(&c, lab);
        assert_true(lab[0] > last[0]);
        if (i) {
            const double step = sqrt(pow(lab[0] - last[0], 2) + pow(lab[1] - last[1], 2) + pow(lab[2] - last[2], 2));
            least = fmin(least, step);
            most = fmax(most, step);
        }
        memcpy(last, lab, sizeof last);
    }
    if (!(most < 1.25 * least)) fail_msg("steps from %g to %g", least, most);
}

typedef int (*plotter)(const gmlp_image *reference, const gmlp_image *test, drawing *d, char error[256]);

static void plot_ok(plotter f, const gmlp_image *a, const gmlp_image *b, const char *name) {
    char error[256];
    drawing d;
    if (drawing_open(&d, name, error) || f(a, b, &d, error) || drawing_commit(&d, error)) fail_msg("%s", error);
    drawing_discard(&d);
}

/* A tick of the legend stands under the colour of its RMSE. */
static void heatmap(void **state) {
    enum { ZOOM = HEAT_SMALLEST / 16, LEFT_ = DRAWING_PIXELS * MARGIN, TOP_ = DRAWING_PIXELS * HEADER };
    uint16_t a[16 * 10 * 3] = {0}, b[16 * 10 * 3] = {0};
    const gmlp_image ia = picture_of(a, 16, 10, GMLP_U16, GMLP_PROPHOTO_LINEAR);
    const gmlp_image ib = picture_of(b, 16, 10, GMLP_U16, GMLP_PROPHOTO_LINEAR);
    const char *name = in_folder("heat.png");
    seen s;
    int bar, left, right;
    (void)state;
    b[0] = b[1] = b[2] = 65535;                    /* the first pixel is far off the scale */
    b[3] = b[4] = b[5] = (uint16_t)(65535 * 0.01); /* RMSE 0.01, two thirds up the scale */
    plot_ok(draw_heatmap, &ia, &ib, name);
    s = take_png(name);
    assert_int_equal(s.width, 16 * ZOOM + 2 * LEFT_);
    /* the bar: the row below the map whose first colour is that of no error */
    for (bar = TOP_ + 10 * ZOOM + 1; at(&s, s.width / 2, bar)[1] == 255; bar++) {}
    bar += 4;
    for (left = 0; at(&s, left, bar)[1] == 255; left++) {}
    for (right = s.width - 1; at(&s, right, bar)[1] == 255; right--) {}
    for (int c = 0; c < 3; c++) {
        assert_near(at(&s, LEFT_ + 5, TOP_ + 5)[c], at(&s, right - 1, bar)[c], 2);
        assert_near(at(&s, LEFT_ + ZOOM + 5, TOP_ + 5)[c], at(&s, left + (right - left) * 2 / 3, bar)[c], 2);
        assert_near(at(&s, LEFT_ + 2 * ZOOM - 1, TOP_ + ZOOM - 1)[c], at(&s, LEFT_ + ZOOM + 5, TOP_ + 5)[c], 0);
        assert_near(at(&s, LEFT_ + 2 * ZOOM, TOP_ + 5)[c], at(&s, left + 1, bar)[c], 2);
        assert_near(at(&s, LEFT_ + 5, TOP_ + ZOOM)[c], at(&s, left + 1, bar)[c], 2);
        assert_int_equal(at(&s, LEFT_ - 1, TOP_ + 5)[c], 255);
    }
    free(s.rgb);
}

/* Shrunk cells hold the RMSE over their pixels, also where the last ones are smaller; the plot stays small. */
static void heatmap_large(void **state) {
    enum { LONG = HEAT_LONGEST + 1 };
    static uint8_t a[LONG * 3], b[LONG * 3];
    const gmlp_image ia = picture_of(a, LONG, 1, GMLP_U8, GMLP_PROPHOTO_LINEAR);
    const gmlp_image ib = picture_of(b, LONG, 1, GMLP_U8, GMLP_PROPHOTO_LINEAR);
    float *sums = (float *)calloc(LONG, sizeof *sums);
    const char *name = in_folder("large.png");
    strips rows;
    seen s;
    (void)state;
    assert_non_null(sums);
    memset(b, 51, sizeof b); /* 0.2 */
    assert_int_equal(strips_open(&rows, &ia, &ib), GMLP_OK);
    assert_int_equal(heat_sums(&rows, 2, LONG / 2 + 1, sums), GMLP_OK);
    strips_close(&rows);
    assert_near(sums[0], 2 * 3 * 0.04, 1e-6);
    assert_near(sums[LONG / 2], 3 * 0.04, 1e-6);
    free(sums);
    plot_ok(draw_heatmap, &ia, &ib, name);
    s = take_png(name);
    assert_true(s.width < HEAT_LONGEST);
    free(s.rgb);
}

/* The chromaticity diagram. */

/* Where a chromaticity lies in a panel's picture. */
static void pixel_of(int panel, double x, double y, double out[2]) {
    const double left = XY_LEFT + panel * (XY_PAGE - XY_LEFT + 36) / 2;
    out[0] = DRAWING_PIXELS * left + (x - XY_X0) * XY_SCALE;
    out[1] = DRAWING_PIXELS * XY_TOP + XY_HEIGHT - (y - XY_Y0) * XY_SCALE;
}

static double brightness(const uint8_t *p) { return fmax(p[0], fmax(p[1], p[2])); }

/* One OG pixel in both panels, the test of another colour: its point within a pixel of where its XYZ puts it. */
static void chromaticity(void **state) {
    /* ISO 22028-2: linear ROMM RGB to XYZ of D50 */
    static const double romm[9] = {0.7977, 0.1352, 0.0313, 0.2880, 0.7119, 0.0001, 0, 0, 0.8249};
    static const uint16_t colours[2][3] = {{3000, 40000, 30000}, {10000, 60000, 60000}};
    uint16_t a[6] = {0, 0, 0, 30000, 30000, 30000}, b[6] = {0, 0, 0, 30000, 30000, 30000};
    const gmlp_image ia = picture_of(a, 2, 1, GMLP_U16, GMLP_PROPHOTO_LINEAR);
    const gmlp_image ib = picture_of(b, 2, 1, GMLP_U16, GMLP_PROPHOTO_LINEAR);
    const char *name = in_folder("xy.png");
    seen s;
    (void)state;
    memcpy(a, colours[0], sizeof *colours);
    memcpy(b, colours[1], sizeof *colours);
    plot_ok(draw_chromaticity, &ia, &ib, name);
    s = take_png(name);
    assert_int_equal(s.width, DRAWING_PIXELS * XY_PAGE);
    for (int k = 0; k < 2; k++) {
        double v[3], expected[2], sum_x = 0, sum_y = 0;
        int points = 0;
        for (int i = 0; i < 3; i++)
            v[i] = romm[3 * i] * colours[k][0] + romm[3 * i + 1] * colours[k][1] + romm[3 * i + 2] * colours[k][2];
        pixel_of(k, v[0] / (v[0] + v[1] + v[2]), v[1] / (v[0] + v[1] + v[2]), expected);
        for (int y = -12; y <= 12; y++)
            for (int x = -12; x <= 12; x++)
                if (brightness(at(&s, (int)expected[0] + x, (int)expected[1] + y)) > 150) {
                    sum_x += (int)expected[0] + x + 0.5;
                    sum_y += (int)expected[1] + y + 0.5;
                    points++;
                }
        assert_in_range(points, 1, 5);
        assert_near(sum_x / points, expected[0], 1);
        assert_near(sum_y / points, expected[1], 1);
    }
    free(s.rgb);
}

/* The corners of the triangles are the primaries: CIE xy of IEC 61966-2-1, adapted to D50, and of ISO 22028-2. */
static void triangles(void **state) {
    static const double primaries[2][3][2] = {{{0.6484, 0.3309}, {0.3212, 0.5979}, {0.1559, 0.0661}},
                                              {{0.7347, 0.2653}, {0.1596, 0.8404}, {0.0366, 0.0001}}};
    double xy[3][2];
    (void)state;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(xy_corners(k ? GMLP_PROPHOTO_LINEAR : GMLP_SRGB_LINEAR, xy), GMLP_OK);
        for (int i = 0; i < 6; i++) assert_near(xy[i / 2][i % 2], primaries[k][i / 2][i % 2], 2e-4);
    }
}

/* Charts. */

static chart_panel *panels_new(size_t count) {
    chart_panel *p = (chart_panel *)calloc(count, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < count; i++) {
        strcpy(p[i].title, "a < b & c > d");
        p[i].x_title = "x";
        p[i].y_title = "y";
    }
    return p;
}

static chart_series *series_new(chart_panel *p, int colour, double x, double y, const char *label) {
    chart_series *s = &p->series[p->count++];
    s->colour = colour;
    s->count = 1;
    s->x[0] = x;
    s->y[0] = y;
    s->label[0] = label;
    return s;
}

static void chart_ok(const chart_panel *p, size_t count, const char *name) {
    const chart c = {"title", "note", "solid", "dashed", p, count, 2};
    char error[256];
    drawing d;
    if (drawing_open(&d, name, error)) fail_msg("%s", error);
    chart_draw(&d, &c);
    if (drawing_commit(&d, error)) fail_msg("%s", error);
}

static int is_style(const seen *s, int x, int y, int style) {
    const colour c = styles[style].colour;
    const uint8_t *p = at(s, x, y);
    return fabs(p[0] - 255 * c.r) < 2 && fabs(p[1] - 255 * c.g) < 2 && fabs(p[2] - 255 * c.b) < 2;
}

/* Marks of equal factors in x and equal steps in y stand in equal steps, and a level at their height. */
static void marks_stand_at_their_values(void **state) {
    chart_panel *p = panels_new(1);
    const char *name = in_folder("marks.png");
    double x[4] = {0}, y[4] = {0};
    size_t count[4] = {0};
    seen s;
    (void)state;
    series_new(p, 0, 1024, 30, NULL);
    series_new(p, 1, 4096, 40, NULL);
    series_new(p, 2, 16384, 50, NULL);
    series_new(p, 3, 1, 45, NULL)->level = 1;
    series_new(p, 5, NAN, 45, NULL); /* left out */
    series_new(p, 5, 2048, INFINITY, NULL);
    chart_ok(p, 1, name);
    s = take_png(name);
    for (int j = 0; j < s.height; j++)
        for (int i = 0; i < s.width; i++) {
            assert_false(is_style(&s, i, j, 5));
            for (int k = 0; k < 4; k++)
                if (is_style(&s, i, j, k)) {
                    x[k] += i;
                    y[k] += j;
                    count[k]++;
                }
        }
    for (int k = 0; k < 4; k++) {
        assert_true(count[k] > 50);
        x[k] /= (double)count[k];
        y[k] /= (double)count[k];
    }
    assert_near(x[1] - x[0], x[2] - x[1], 1);
    assert_true(x[1] - x[0] > 100 && y[0] - y[1] > 50);
    assert_near(y[0] - y[1], y[1] - y[2], 2); /* a triangle's middle is not that of its pixels */
    assert_near(y[3], (y[1] + y[2]) / 2, 2);
    free(s.rgb);
    free(p);
}

/* Well-formed SVG; its glyphs are the letters of all labels; empty panels and charts draw. */
static void charts_are_whole(void **state) {
    chart_panel *p = panels_new(2);
    const char *name = in_folder("chart.svg");
    size_t size, without, with;
    chart_series *s;
    char *text;
    (void)state;
    s = series_new(p, 0, 4096, 40, NULL);
    s->name = "first";
    s->count = 3;
    s->x[1] = 1024, s->y[1] = 30;
    s->x[2] = 2048, s->y[2] = NAN; /* left out */
    series_new(p, 1, 1, 35, NULL)->level = 1;
    p[1].unit = CHART_SECONDS; /* empty */
    chart_ok(p, 2, name);
    text = take_file(name, &size);
    assert_int_equal(elements(text, "svg"), 1);
    assert_true(elements(text, "path") > 10);
    without = elements(text, "use");
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    free(text);
    s->label[0] = "late";
    s->label[2] = "never";
    chart_ok(p, 2, name);
    text = take_file(name, &size);
    with = elements(text, "use");
    assert_int_equal(with, without + strlen("late"));
    free(text);
    chart_ok(p, 0, name);
    text = take_file(name, &size);
    assert_true(elements(text, "use") >= strlen("titlenotesoliddashed"));
    free(text);
    free(p);
}

/* A crowd of points: labels lie within the panel, on no mark and not on each other. */
static void labels_have_room(void **state) {
    static const double place[][2] = {{100, 100}, {104, 100}, {100, 106}, {104, 104}, {198, 100}, {198, 106}, {2, 2}};
    enum { POINTS = sizeof place / sizeof *place };
    const char *name = in_folder("crowd.svg");
    axes a = {NULL, 0, 0, 200, 200, 0, 1, 0, 1, 0, {1, 1, 1}, {0, 0, 0}};
    char error[256];
    drawing d;
    crowd c;
    (void)state;
    c.box_count = c.line_count = 0;
    if (drawing_open(&d, name, error)) fail_msg("%s", error);
    drawing_begin(&d, 200, 200);
    a.d = &d;
    for (size_t i = 0; i < POINTS; i++) crowd_mark(&c, place[i][0], place[i][1], 0);
    for (size_t i = 0; i < POINTS; i++) crowd_label(&c, &a, place[i][0], place[i][1], 0, drawing_ink, "a label");
    assert_int_equal(c.box_count, 2 * POINTS); /* all found a place */
    for (size_t i = POINTS; i < c.box_count; i++) {
        assert_true(c.boxes[i].x0 >= 0 && c.boxes[i].y0 >= 0 && c.boxes[i].x1 <= 200 && c.boxes[i].y1 <= 200);
        assert_near(c.boxes[i].x1 - c.boxes[i].x0, text_width(&d, SIZE_TEXT, TEXT_LEFT, "a label"), 1e-9);
        for (size_t k = 0; k < i; k++) assert_false(overlap(&c.boxes[i], &c.boxes[k]));
    }
    a.width = 30; /* no room at all */
    crowd_label(&c, &a, 15, 100, 0, drawing_ink, "a label");
    assert_int_equal(c.box_count, 2 * POINTS);
    drawing_discard(&d);
}

/* Files. */

static void same_input_same_bytes(void **state) {
    chart_panel *p = panels_new(1);
    const char *name = in_folder("same.png");
    size_t sizes[2];
    char *bytes[2];
    (void)state;
    series_new(p, 0, 1024, 30, "label");
    for (int i = 0; i < 2; i++) {
        chart_ok(p, 1, name);
        bytes[i] = take_file(name, &sizes[i]);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(p);
}

static void names_are_checked(void **state) {
    static const char *const wrong[] = {"plot", "plot.gif", "plot.svg.txt", "svg", ".png", "a.png/b"};
    char error[256];
    drawing d;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(drawing_has_name(wrong[i]));
        assert_int_equal(drawing_open(&d, wrong[i], error), -1);
        assert_non_null(strstr(error, ".svg or .png"));
        assert_non_null(strstr(error, wrong[i]));
        drawing_discard(&d);
    }
    assert_true(drawing_has_name("a.SVG") && drawing_has_name("b/c.Png"));
    assert_int_equal(drawing_open(&d, in_folder("nowhere/plot.png"), error), -1);
    assert_non_null(strstr(error, "nowhere/plot.png: cannot be written: the folder "));
    assert_non_null(strstr(error, "nowhere does not exist"));
    drawing_discard(&d);
}

/* A disk that fills up, and a plot that is given up: what was there stays, and nothing else. */
static void failures_leave_what_was_there(void **state) {
    static const char *const names[] = {"full.svg", "full.png"};
    chart_panel *p = panels_new(1);
    const chart c = {"title", "note", "solid", "dashed", p, 1, 2};
    struct rlimit limit, small;
    char error[256];
    size_t size;
    drawing d;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 4; i++) {
        const char *name = in_folder(names[i % 2]);
        FILE *file = fopen(name, "wb");
        char *text;
        assert_non_null(file);
        fputs("kept", file);
        fclose(file);
        assert_int_equal(drawing_open(&d, name, error), 0);
        chart_draw(&d, &c);
        if (i < 2) {
            small = limit;
            small.rlim_cur = 4096;
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
            assert_int_equal(drawing_commit(&d, error), -1);
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
            assert_non_null(strstr(error, names[i % 2]));
            assert_non_null(strstr(error, "cannot be written: File too large"));
        }
        drawing_discard(&d);
        text = take_file(name, &size);
        assert_string_equal(text, "kept");
        free(text);
    }
    free(p);
}

/* What cairo cannot do is told too. */
static void pages_that_are_too_large(void **state) {
    const char *name = in_folder("large.png");
    char error[256];
    drawing d;
    (void)state;
    assert_int_equal(drawing_open(&d, name, error), 0);
    drawing_begin(&d, 1e5, 10);
    draw_text(&d, 5, 5, SIZE_TEXT, TEXT_LEFT, drawing_ink, "text");
    draw_image(&d, image_new(1, 1), 0, 0, 1);
    assert_int_equal(drawing_commit(&d, error), -1);
    assert_non_null(strstr(error, "large.png: cannot be written: "));
    assert_int_equal(access(name, F_OK), -1);
    drawing_discard(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colour_scale),
        cmocka_unit_test(heatmap),
        cmocka_unit_test(heatmap_large),
        cmocka_unit_test(chromaticity),
        cmocka_unit_test(triangles),
        cmocka_unit_test(marks_stand_at_their_values),
        cmocka_unit_test(charts_are_whole),
        cmocka_unit_test(labels_have_room),
        cmocka_unit_test(same_input_same_bytes),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(failures_leave_what_was_there),
        cmocka_unit_test(pages_that_are_too_large),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
