/* Pictures of kinds that are not read are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pictures/formats.h"

static void names_are(void **state) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *name;
    } cases[] = { { "\0\0\0\024ftypmp42\0\0\0\0isom", 20, "a video" },
                  { "\0\0\0\014JXL \r\n\207\n", 12, "a JPEG XL picture" },
                  { "\377\012\1", 3, "a JPEG XL picture" },
                  { "\0\0\0\030ftypheic\0\0\0\0mif1heic", 24, "a HEIC picture" },
                  { "RIFF\1\0\0\0WEBPVP8 ", 16, "a WebP picture" },
                  { "GIF89a..", 8, "a GIF picture" },
                  { "#?RADIANCE\n", 11, "a Radiance HDR picture" },
                  { "8BPS\0\1", 6, "a Photoshop file" },
                  { "hello, world", 12, NULL },
                  { "", 0, NULL } };
    size_t i, n;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (n = 0; n <= cases[i].n; n++) { /* in memory of its own, so that a sanitizer sees what is read beyond */
            uint8_t *copy = (uint8_t *)malloc(n ? n : 1);
            const char *name;
            assert_non_null(copy);
            memcpy(copy, cases[i].bytes, n);
            name = foreign_format(copy, n);
            if (n == cases[i].n && (!name != !cases[i].name || (name && strcmp(name, cases[i].name))))
                fail_msg("case %lu: %s, not %s", (unsigned long)i, name ? name : "none",
                         cases[i].name ? cases[i].name : "none");
            free(copy);
        }
    }
}

static void says_what_to_do(void **state) {
    picture p;
    char error[256];
    (void)state;
    assert_int_equal(picture_read_memory("GIF89a", 6, "x.gif", 0, &p, error), -1);
    assert_string_equal(error,
                        "x.gif: is a GIF picture, which cannot be read; convert it to a 16-bit TIFF or PNG first");
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_are), cmocka_unit_test(says_what_to_do) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
