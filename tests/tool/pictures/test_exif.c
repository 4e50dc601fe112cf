/* EXIF: what it says of space and orientation, whole and damaged. */
#include "made_exif.h"

#include "pictures/formats.h"

static picture_facts read_exif(const void *bytes, size_t size) {
    uint8_t *exact = (uint8_t *)malloc(size ? size : 1); /* reading past it shows */
    picture_facts facts;
    memset(&facts, 0, sizeof facts);
    memcpy(exact, bytes, size);
    exif_read(exact, size, &facts);
    free(exact);
    return facts;
}

static void spaces(void **state) {
    static const struct {
        int color_space;
        const char *option;
        int space, notes;
    } known[] = { { 1, "R98", GMLP_SRGB, 0 },
                  { 1, NULL, GMLP_SRGB, 0 },
                  { 0xffff, "R03", GMLP_ADOBERGB, 0 },
                  { 0, "R03", GMLP_ADOBERGB, 0 },
                  { 2, NULL, GMLP_ADOBERGB, 0 },
                  { 0xffff, NULL, EXIF_OTHER_SPACE, 0 },
                  { 0xffff, "R98", GMLP_SRGB, 0 },
                  { 0xffff, "THM", EXIF_OTHER_SPACE, 0 },
                  { 0, NULL, 0, 0 },
                  { 1, "R03", GMLP_ADOBERGB, 1 } };
    size_t i;
    int big;
    (void)state;
    for (i = 0; i < sizeof known / sizeof *known; i++)
        for (big = 0; big < 2; big++) {
            const exif_made e = make_exif(big, 0, known[i].color_space, known[i].option);
            const picture_facts facts = read_exif(e.bytes, e.size);
            assert_int_equal(facts.exif_space, known[i].space);
            assert_int_equal(facts.notes[0] != 0, known[i].notes);
        }
}

static void orientation(void **state) {
    int big, turned;
    (void)state;
    for (big = 0; big < 2; big++)
        for (turned = 0; turned < 10; turned++) {
            const exif_made e = make_exif(big, turned, 1, NULL);
            const picture_facts facts = read_exif(e.bytes, e.size);
            assert_int_equal(facts.orientation, turned <= 8 ? turned : 0);
        }
}

/* Cut anywhere, with any byte changed, and with directories that point at themselves. */
static void damage(void **state) {
    exif_made e = make_exif(1, 6, 0xffff, "R03");
    size_t n;
    int v;
    (void)state;
    for (n = 0; n < e.size; n++) read_exif(e.bytes, n);
    for (n = 0; n < e.size; n++)
        for (v = 0; v < 256; v += 5) {
            const uint8_t was = e.bytes[n];
            e.bytes[n] = (uint8_t)v;
            read_exif(e.bytes, e.size);
            e.bytes[n] = was;
        }
    e.bytes[7] = 0; /* the first directory is the header */
    assert_int_equal(read_exif(e.bytes, e.size).exif_space, 0);
    assert_int_equal(read_exif("Exif", 4).exif_space, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spaces),
        cmocka_unit_test(orientation),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
