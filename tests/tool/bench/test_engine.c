/* The engine's figures of a tiny picture: all rows are there, with numbers, and tell what a clock does not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

#include <cmocka.h> /* last: it has a macro fail() */

static double number_of(const char *json, const char *key) {
    char quoted[80];
    const char *at;
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    at = strstr(json, quoted);
    if (!at) fail_msg("no %s", key);
    at += strlen(quoted) + strspn(at + strlen(quoted), " ");
    if (*at == 'n') fail_msg("%s is not a number", key);
    return strtod(at, NULL);
}

static void figures_of_a_tiny_picture(void **state) {
    static const char *const keys[] = {
        "engine_decoder_bytes", "engine_scratch_bytes", "engine_tile_scratch_bytes",
        "engine_create_seconds", "engine_check_3_seconds",
        "engine_read_3_seconds", "engine_check_4_seconds", "engine_read_4_seconds", "engine_tile_seconds",
        "engine_create_and_tile_seconds", "engine_rgba16f_megapixels_per_second",
        "engine_r11g11b10f_megapixels_per_second", "engine_r11g11b10f_over_rgba16f",
        "engine_rgb9e5_megapixels_per_second", "engine_rgb9e5_over_rgba16f", "engine_rgba32f_megapixels_per_second",
        "engine_rgba8_megapixels_per_second", "engine_bgra8_megapixels_per_second",
        "engine_rgb10a2_megapixels_per_second", "engine_rgb16_megapixels_per_second",
        "engine_sink_megapixels_per_second", "engine_two_threads", "engine_two_threads_cores",
        "engine_two_threads_cpu", "engine_scalar_megapixels_per_second", "engine_rgba16f_none_megapixels_per_second",
        "engine_rgba16f_all_megapixels_per_second", "engine_create_hdr_seconds", "engine_rgba16f_hdr_megapixels_per_second"
    };
    FILE *json_file;
    char *json = NULL, line[512];
    size_t size = 0, rows = 0;
    bench b;
    (void)state;
    memset(&b, 0, sizeof b);
    b.workers = pool_create(1);
    b.table = tmpfile();
    assert_non_null(b.workers);
    assert_non_null(b.table);
    b.run = pool_threads(b.workers);
    json_file = open_memstream(&json, &size);
    assert_non_null(json_file);
    json_begin(&b.j, json_file);
    assert_int_equal(bench_engine_of(&b, 320, 260, 2), 0); /* two by two tiles, three of them narrow or low */
    json_end(&b.j);
    fclose(json_file);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const double value = number_of(json, keys[i]);
        if (!(value > 0 && isfinite(value))) fail_msg("%s is %g", keys[i], value);
    }
    assert_true(number_of(json, "engine_allocations") == 0);
    assert_true(number_of(json, "engine_whole_numbers") == 1);
    assert_true(fabs(number_of(json, "engine_saturated") - 0.2) < 0.01);
    assert_non_null(strstr(json, "\"engine_isa\""));
    assert_non_null(strstr(json, "\"engine_cpu\""));
    rewind(b.table);
    while (fgets(line, sizeof line, b.table)) {
        size_t bars = 0;
        if (line[0] != '|') continue;
        for (const char *p = line; *p; p++) bars += *p == '|';
        assert_int_equal(bars, 4);
        assert_null(strstr(line, "nan"));
        assert_null(strstr(line, "inf"));
        rows++;
    }
    assert_true(rows > 25);
    fclose(b.table);
    free(json);
    pool_free(b.workers);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(figures_of_a_tiny_picture) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
