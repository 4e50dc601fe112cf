/* Readers in a process of their own: what they read is the same, and what a hostile file says through them is not
   believed. */
#include "made.h"

#include <sys/resource.h>

#include "pictures/apart.c"

#ifdef __has_feature
#if __has_feature(memory_sanitizer)
#define UNINSTRUMENTED /* libraries: MSan takes what they write for not written */
#endif
#endif

static uint8_t exif[] = { 'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 15, 1, 2, 0, 4, 0, 0, 0, 'A', 'B', 'C', 0, 0, 0, 0, 0 };
static uint8_t xmp[] = "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>";

enum { WIDTH = 37, HEIGHT = 23 };

/* 0: this build cannot write it. */
static int make(const char *path, int type, int space) {
    gmlp_image image = test_image(WIDTH, HEIGHT, type, space);
    picture_resolution printed = { 300, 150 };
    picture_metadata metadata;
    picture_write_opts opts;
    char error[256];
    uint8_t alpha[WIDTH * HEIGHT];
    size_t i;
    int bad;
    memset(&metadata, 0, sizeof metadata);
    metadata.blocks[METADATA_EXIF].bytes = exif;
    metadata.blocks[METADATA_EXIF].size = sizeof exif;
    metadata.blocks[METADATA_XMP].bytes = xmp;
    metadata.blocks[METADATA_XMP].size = sizeof xmp - 1;
    metadata.blocks[METADATA_RESOLUTION].bytes = (uint8_t *)&printed;
    metadata.blocks[METADATA_RESOLUTION].size = sizeof printed;
    memset(&opts, 0, sizeof opts);
    opts.metadata = &metadata;
    opts.alpha = alpha;
    for (i = 0; i < sizeof alpha; i++) alpha[i] = (uint8_t)(i * 7);
    bad = picture_write(path, &image, &opts, error);
    free(image.data);
    if (bad && !strstr(error, "missing")) fail_msg("%s", error);
    return !bad;
}

static void expect_same(const picture *here, const picture *there) {
    int k;
    assert_int_equal(here->image.width, there->image.width);
    assert_int_equal(here->image.height, there->image.height);
    assert_int_equal(here->image.type, there->image.type);
    assert_int_equal(here->image.channels, there->image.channels);
    assert_int_equal(here->image.space, there->image.space);
    assert_memory_equal(here->image.data, there->image.data, image_bytes(&here->image));
    assert_string_equal(here->space_from, there->space_from);
    assert_string_equal(here->notes, there->notes);
    assert_string_equal(here->left, there->left);
    assert_int_equal(here->orientation, there->orientation);
    assert_true(!here->alpha == !there->alpha);
    if (here->alpha) assert_memory_equal(here->alpha, there->alpha, WIDTH * HEIGHT);
    for (k = 0; k < METADATA_KINDS; k++) {
        const metadata_block *a = &here->metadata.blocks[k], *b = &there->metadata.blocks[k];
        assert_int_equal(a->size, b->size);
        if (a->size) assert_memory_equal(a->bytes, b->bytes, a->size);
    }
}

static void test_same(void **state) {
    static const struct {
        const char *name;
        int type, space;
    } files[] = { { "a.tif", GMLP_U8, GMLP_P3 }, { "b.tif", GMLP_U16, GMLP_PROPHOTO }, { "c.tif", GMLP_F32, GMLP_SRGB },
                  { "d.exr", GMLP_F16, GMLP_REC2020 }, { "e.jxl", GMLP_U16, GMLP_PROPHOTO },
                  { "f.avif", GMLP_U16, GMLP_P3 } };
    enum { FILES = sizeof files / sizeof *files };
    picture here[FILES], there;
    int made[FILES];
    char error[256];
    int i;
    (void)state;
#ifdef UNINSTRUMENTED
    print_message("# the libraries are not built for MSan: left out\n");
    return;
#endif
    for (i = 0; i < FILES; i++) {
        made[i] = make(in_folder(files[i].name), files[i].type, files[i].space);
        if (made[i] && picture_read(in_folder(files[i].name), GMLP_SPACE_NONE, 0, &here[i], error)) {
            made[i] = 0; /* libraries that write it need not be there to read it */
            unlink(in_folder(files[i].name));
        }
        if (!made[i]) print_message("# %s: left out\n", files[i].name);
    }
    picture_read_apart();
    for (i = 0; i < FILES; i++) {
        if (!made[i]) continue;
        if (picture_read(in_folder(files[i].name), GMLP_SPACE_NONE, 0, &there, error)) fail_msg("%s", error);
        unlink(in_folder(files[i].name));
        expect_same(&here[i], &there);
        picture_free(&here[i]);
        picture_free(&there);
    }
}

/* Files of which the process gives back what it has read, whatever order that lies in, and be it read twice. */

enum { STRIPS = 64, STRIP_ROWS = 64, WIDE = 1024, STRIP = STRIP_ROWS * WIDE * 3, FRONT = 4096 };
enum { FORWARDS, BACKWARDS, SHARED, WAYS };

static size_t place_of(int way, int strip) {
    const int at = way == BACKWARDS ? STRIPS - 1 - strip : way == SHARED && strip == STRIPS - 1 ? 0 : strip;
    return FRONT + (size_t)at * STRIP;
}

static void put(uint8_t *to, uint32_t v) {
    int i;
    for (i = 0; i < 4; i++) to[i] = (uint8_t)(v >> 8 * i);
}

static uint8_t *make_tiff(int way, size_t *size) {
    const uint32_t tags[][3] = { { 256, 3, WIDE }, { 257, 3, STRIPS * STRIP_ROWS }, { 258, 3, 8 }, { 259, 3, 1 }, { 262, 3, 2 },
                                 { 273, 4, 512 }, { 277, 3, 3 }, { 278, 3, STRIP_ROWS }, { 279, 4, 1024 } };
    uint8_t *file = (uint8_t *)calloc(*size = FRONT + (size_t)STRIPS * STRIP, 1), *at = file + 10;
    size_t i;
    memcpy(file, "II*\0\10\0\0\0\11", 10);
    for (i = 0; i < 9; i++, at += 12) {
        put(at, tags[i][0] | tags[i][1] << 16);
        put(at + 4, tags[i][1] == 4 ? STRIPS : 1);
        put(at + 8, tags[i][2]);
    }
    for (i = 0; i < STRIPS; i++) {
        put(file + 512 + 4 * i, (uint32_t)place_of(way, (int)i));
        put(file + 1024 + 4 * i, STRIP);
    }
    for (i = FRONT; i < *size; i++) file[i] = (uint8_t)(i * 2654435761u >> 13);
    return file;
}

static void test_strips(void **state) {
    int way, strip;
    (void)state;
#ifdef UNINSTRUMENTED
    return;
#endif
    for (way = 0; way < WAYS; way++) {
        size_t size;
        uint8_t *file = make_tiff(way, &size);
        picture p;
        char error[256];
        if (picture_read_memory(file, size, "large.tif", GMLP_SRGB, &p, error)) fail_msg("%s", error);
        for (strip = 0; strip < STRIPS; strip++)
            if (memcmp((uint8_t *)p.image.data + (size_t)strip * STRIP, file + place_of(way, strip), STRIP))
                fail_msg("way %d: strip %d is not what the file has", way, strip);
        picture_free(&p);
        free(file);
    }
}

/* Chunks of an EXR in the other order: its table of places, of eight bytes each, ends where the first chunk begins. */
static uint8_t *backwards(const uint8_t *file, size_t size, uint32_t count) {
    uint8_t *other = (uint8_t *)malloc(size);
    uint64_t place, next;
    size_t table = 0, at, i;
    for (;; table++) {
        assert_true(table + 8 < size);
        memcpy(&place, file + table, 8);
        if (place == table + 8 * (size_t)count) break;
    }
    at = (size_t)place;
    memcpy(other, file, at);
    for (i = count; i--;) {
        const uint64_t goes = at;
        memcpy(&place, file + table + 8 * i, 8);
        next = size;
        if (i + 1 < count) memcpy(&next, file + table + 8 * (i + 1), 8);
        memcpy(other + at, file + place, (size_t)(next - place));
        memcpy(other + table + 8 * i, &goes, 8);
        at += (size_t)(next - place);
    }
    assert_int_equal(at, size);
    return other;
}

static void test_chunks(void **state) {
    enum { ROWS = 2048 };
    gmlp_image image = test_image(WIDE, ROWS, GMLP_F16, GMLP_SRGB_LINEAR);
    const char *path = in_folder("large.exr");
    uint8_t *file, *other;
    uint32_t noise = 1;
    size_t size, i;
    char error[256];
    (void)state;
    for (i = 0; i < (size_t)WIDE * ROWS * 3; i++) { /* what packs badly */
        noise ^= noise << 13, noise ^= noise >> 17, noise ^= noise << 5;
        ((uint16_t *)image.data)[i] = (uint16_t)((noise & 0x1fff) + 0x2000);
    }
    if (picture_write(path, &image, NULL, error)) {
        assert_non_null(strstr(error, "missing"));
        free(image.data);
        return;
    }
    assert_int_equal(file_read(path, &file, &size, error), 0);
    assert_true(size > 8u << 20);
    unlink(path);
    other = backwards(file, size, ROWS / 16);
    for (i = 0; i < 2; i++) {
        picture p;
#ifndef UNINSTRUMENTED
        if (picture_read_memory(i ? other : file, size, path, 0, &p, error)) fail_msg("%s", error);
        assert_memory_equal(p.image.data, image.data, image_bytes(&image));
        picture_free(&p);
#endif
    }
    free(other);
    free(file);
    free(image.data);
}

/* What a reader does and says there; the file's bytes tell which. */

static found lie;           /* sent as it is, */
static size_t lie_goes_on;  /* and so many bytes */

static int liar(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    static uint8_t more[1 << 16];
    (void)bytes, (void)size, (void)image, (void)facts, (void)reason;
    memset(more, 'x', sizeof more);
    if (write(STDIN_FILENO, &lie, sizeof lie) == (ssize_t)sizeof lie && lie_goes_on &&
        write(STDIN_FILENO, more, lie_goes_on) < 0)
        _exit(3);
    _exit(0);
}

static const char *reading(picture_load *load, picture *out, picture_facts *facts) {
    static char reason[REASON];
    apart_bounds bounds = reading_bounds(100);
    int bad;
    memset(out, 0, sizeof *out);
    memset(facts, 0, sizeof *facts);
    strcpy(reason, "cannot be read");
    bad = load_apart(load, NULL, "fake files", &bounds, (const uint8_t *)"", 0, NULL, &out->image, facts, reason);
    if (!bad) strcpy(reason, "is read");
    return reason;
}

/* 3 x 2 pixels of 8 bits that are there. */
static void tell_truth(void) {
    memset(&lie, 0, sizeof lie);
    lie.image.width = 3;
    lie.image.height = 2;
    lie.image.type = GMLP_U8;
    lie_goes_on = 18;
}

static void expect(const char *reason) {
    picture p;
    picture_facts facts;
    const char *said = reading(liar, &p, &facts);
    if (strcmp(said, reason)) fail_msg("expected '%s', got '%s'", reason, said);
    free(p.image.data);
    free(facts.icc);
    free(facts.alpha);
    metadata_free(&facts.carried);
}

#define NO_SENSE "the library that reads fake files makes no sense of this file"

static void test_lies(void **state) {
    (void)state;
    tell_truth();
    expect("is read");
    lie_goes_on = 17;
    expect(NO_SENSE);
    lie_goes_on = 19; /* more than there is to say */
    expect(NO_SENSE);
    tell_truth();
    lie.image.data = &lie;
    lie.image.stride = -1;
    lie.image.channels = 77;
    expect("is read");
    tell_truth();
    lie.image.type = 99;
    expect(NO_SENSE);
    lie.image.type = -1;
    expect(NO_SENSE);
    tell_truth();
    lie.image.width = 0;
    expect("0 x 2 pixels; 1 x 1 to 65535 x 65535 are supported");
    lie.image.width = lie.image.height = 4000000000u;
    expect(NO_SENSE);
    lie.image.width = lie.image.height = 16384; /* pixels of no bytes */
    lie.image.type = GMLP_F32;
    expect(NO_SENSE);
    tell_truth();
    lie.facts.icc = (uint8_t *)&lie;
    lie.facts.icc_size = (size_t)-1;
    expect(NO_SENSE);
    lie.facts.icc_size = 0;
    expect(NO_SENSE);
    lie.facts.icc_size = 19;
    expect(NO_SENSE);
    lie.facts.icc_size = 7;
    lie_goes_on += 7;
    expect("is read");
    tell_truth();
    lie.facts.carried.blocks[METADATA_XMP].bytes = (uint8_t *)&lie;
    lie.facts.carried.blocks[METADATA_XMP].size = METADATA_MOST + 1;
    lie_goes_on = 1 << 16;
    expect(NO_SENSE);
    tell_truth();
    lie.facts.alpha = (uint8_t *)&lie;
    expect(NO_SENSE);
    tell_truth();
    lie.facts.space = 9999;
    expect(NO_SENSE);
    tell_truth();
    lie.facts.exif_space = -2;
    expect(NO_SENSE);
    tell_truth();
    lie.facts.said_by = SAID_BY_COUNT;
    expect(NO_SENSE);
    lie.facts.said_by = -1;
    expect(NO_SENSE);
    tell_truth();
    lie.facts.orientation = -1;
    expect(NO_SENSE);
}

/* What libraries of metadata would not have found in the file. */
static void test_metadata_lies(void **state) {
    picture p;
    picture_facts facts;
    int k;
    (void)state;
    for (k = 0; k < METADATA_KINDS; k++) { /* none but XMP is to be of 40 x */
        tell_truth();
        lie.facts.carried.blocks[k].bytes = (uint8_t *)&lie;
        lie.facts.carried.blocks[k].size = 40;
        if (k <= METADATA_XMP || k == METADATA_RESOLUTION) lie_goes_on += 40;
        assert_string_equal(reading(liar, &p, &facts), "is read");
        assert_true(!facts.carried.blocks[k].bytes == (k != METADATA_XMP));
        free(p.image.data);
        metadata_free(&facts.carried);
    }
}

/* Texts without an end, and with what a terminal would obey. */
static void test_texts(void **state) {
    picture p;
    picture_facts facts;
    (void)state;
    tell_truth();
    memset(lie.facts.notes, 'n', sizeof lie.facts.notes);
    memset(lie.facts.left, '\n', sizeof lie.facts.left);
    memset(lie.facts.icc_fault, '\n', sizeof lie.facts.icc_fault);
    memcpy(lie.facts.notes, "one\ntwo\033[2J\n", 12);
    assert_string_equal(reading(liar, &p, &facts), "is read");
    assert_int_equal(strlen(facts.notes), sizeof facts.notes - 1);
    assert_memory_equal(facts.notes, "one\ntwo?[2J\n", 12);
    assert_int_equal(strlen(facts.left), sizeof facts.left - 1);
    assert_int_equal(strlen(facts.icc_fault), sizeof facts.icc_fault - 1);
    assert_null(strchr(facts.icc_fault, '\n'));
    free(p.image.data);
    tell_truth();
    lie.bad = 7;
    memset(lie.reason, 'r', sizeof lie.reason);
    lie.reason[0] = '\033';
    assert_int_equal(strlen(reading(liar, &p, &facts)), REASON - 1);
    assert_memory_equal(reading(liar, &p, &facts), "?rrr", 4);
    assert_null(p.image.data);
}

static int crashes(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    (void)bytes, (void)size, (void)image, (void)facts, (void)reason;
    abort();
}

static int refuses(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    (void)bytes, (void)size, (void)image, (void)facts;
    snprintf(reason, REASON, "fake: has no pixels");
    return -1;
}

static int knows(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    (void)image, (void)facts;
    snprintf(reason, REASON, "fake: %.*s", (int)size, (const char *)bytes);
    return -1;
}

/* Bytes that nobody else needs are that process's alone. */
static void test_spare(void **state) {
    const apart_bounds bounds = reading_bounds(100);
    uint8_t *bytes = (uint8_t *)malloc(5);
    char reason[REASON] = "";
    picture_facts facts;
    gmlp_image image;
    (void)state;
    memcpy(bytes, "bytes", 5);
    assert_int_equal(load_apart(knows, NULL, "fake files", &bounds, bytes, 5, &bytes, &image, &facts, reason), -1);
    assert_string_equal(reason, "fake: bytes");
    assert_null(bytes);
}

static void test_failures(void **state) {
    picture p;
    picture_facts facts;
    (void)state;
    assert_string_equal(reading(crashes, &p, &facts),
                        "the library that reads fake files crashed on this file (signal 6)");
    assert_string_equal(reading(refuses, &p, &facts), "fake: has no pixels");
}

/* Writers. */

enum { MADE = 300001 }; /* more than goes through at once */

static int makes(void *user, uint8_t **bytes, size_t *size, char reason[REASON]) {
    size_t i;
    (void)user, (void)reason;
    *size = MADE;
    *bytes = (uint8_t *)malloc(MADE);
    for (i = 0; i < MADE; i++) (*bytes)[i] = (uint8_t)(i * 31);
    return 0;
}

static int cannot_make(void *user, uint8_t **bytes, size_t *size, char reason[REASON]) {
    (void)user, (void)bytes, (void)size;
    snprintf(reason, REASON, "fake: no memory");
    return -1;
}

static int crashes_making(void *user, uint8_t **bytes, size_t *size, char reason[REASON]) {
    (void)user, (void)bytes, (void)size, (void)reason;
    abort();
}

static const char *writing(picture_make *make, FILE *file) {
    static char reason[REASON];
    strcpy(reason, "is written");
    save_apart(make, NULL, "FAKE", 100, file, reason);
    return reason;
}

static void test_writers(void **state) {
    FILE *file = tmpfile(), *full = fopen("/dev/full", "wb");
    size_t i;
    (void)state;
    assert_string_equal(writing(cannot_make, file), "fake: no memory");
    assert_string_equal(writing(crashes_making, file), "the library that writes FAKE crashed on this file (signal 6)");
    assert_int_equal(ftell(file), 0);
    assert_string_equal(writing(makes, file), "is written");
    assert_int_equal(ftell(file), MADE);
    rewind(file);
    for (i = 0; i < MADE; i++) assert_int_equal(fgetc(file), (uint8_t)(i * 31));
    fclose(file);
    if (!full) return;
    assert_string_equal(writing(makes, full), "cannot be written: No space left on device");
    fclose(full);
}

/* Without a process strangers' files are not read; what is ours is written all the same. */
static void test_no_process(void **state) {
    FILE *file = tmpfile();
    struct rlimit usual, few;
    picture p;
    picture_facts facts;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = usual;
    few.rlim_cur = 3; /* and no pipe */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    strcpy(p.notes, reading(crashes, &p, &facts));
    strcpy(p.left, writing(makes, file));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_string_equal(p.notes, "the library that reads fake files has no process of its own: Too many open files");
    assert_string_equal(p.left, "is written");
    assert_int_equal(ftell(file), MADE);
    fclose(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_strips),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_metadata_lies),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_spare),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_writers),
        cmocka_unit_test(test_no_process),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
