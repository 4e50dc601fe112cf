/* >>ktx2: blobs in KTX2 files. They are made here, field by field as the specification has them, and what comes out is
   looked at by a reader of its own. */
#define GAMUTMLP_IMPLEMENTATION
#define GMLP__KEEP_MACROS
#include "gamutmlp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "tests/carrier.h"

enum { KEY = GMLP_CARRIER_KTX2_KEY, INDEX = 80, MOST_LEVELS = 4 };

static void put(uint8_t *p, uint64_t v, int bytes) {
    int i;
    for (i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i);
}
static uint64_t get(const uint8_t *p, int bytes) {
    uint64_t v = 0;
    while (bytes--) v = v << 8 | p[bytes];
    return v;
}

typedef struct shape {
    unsigned levels, block; /* bytes of a block */
    int count_zero;         /* levelCount 0: one level */
    unsigned scheme, global;
    const char *keys[4];    /* "key\0value", sorted */
    size_t sizes[4];
} shape;

static void zeros_to(buffer *b, size_t multiple) {
    while (b->n % multiple) append(b, "", 1);
}

static size_t required(const shape *s) { /* the specification's "required alignment" */
    size_t n = 4;
    while (n % s->block) n += 4;
    return s->scheme ? 1 : n;
}

/* Levels of 5 x 3 blocks and less, of texels that tell them apart. */
static buffer make_ktx2(const shape *s) {
    static const uint8_t id[12] = {0xab, 'K', 'T', 'X', ' ', '2', '0', 0xbb, '\r', '\n', 0x1a, '\n'};
    static const size_t blocks[MOST_LEVELS] = {15, 2, 1, 1};
    const unsigned count = s->levels;
    uint8_t head[INDEX + 24 * MOST_LEVELS], dfd[44], entry[4];
    size_t at[MOST_LEVELS] = {0}, keys = 0, i, k, global = 0;
    buffer b = {NULL, 0, 0};
    memset(head, 0, sizeof head);
    memset(dfd, 0, sizeof dfd);
    append(&b, head, INDEX + 24 * count);
    put(dfd, sizeof dfd, 4);
    put(dfd + 8, 2 | 40 << 16, 4);
    dfd[20] = (uint8_t)(s->scheme ? 0 : s->block);
    append(&b, dfd, sizeof dfd);
    for (k = 0; k < 4 && s->keys[k]; k++) {
        if (!keys) keys = b.n;
        put(entry, s->sizes[k], 4);
        append(&b, entry, 4);
        append(&b, s->keys[k], s->sizes[k]);
        zeros_to(&b, 4);
    }
    memcpy(head, id, 12);
    put(head + 12, 43, 4);
    put(head + 16, 1, 4);
    put(head + 20, 5, 4);
    put(head + 24, 3, 4);
    put(head + 36, 1, 4);
    put(head + 40, s->count_zero ? 0 : count, 4);
    put(head + 44, s->scheme, 4);
    put(head + 48, INDEX + 24 * count, 4);
    put(head + 52, sizeof dfd, 4);
    put(head + 56, keys, 4);
    put(head + 60, keys ? b.n - keys : 0, 4);
    if (s->global) {
        zeros_to(&b, 8);
        global = b.n;
        for (i = 0; i < s->global; i++) append(&b, "G", 1);
    }
    put(head + 64, global, 8);
    put(head + 72, s->global, 8);
    for (i = count; i-- > 0;) {
        uint8_t texel = (uint8_t)(200 + i);
        zeros_to(&b, required(s));
        at[i] = b.n;
        for (k = 0; k < blocks[i] * s->block; k++, texel = (uint8_t)(texel * 5 + 1)) append(&b, &texel, 1);
        put(head + INDEX + 24 * i, at[i], 8);
        put(head + INDEX + 24 * i + 8, blocks[i] * s->block, 8);
        put(head + INDEX + 24 * i + 16, blocks[i] * s->block, 8);
    }
    memcpy(b.p, head, INDEX + 24 * count);
    return b;
}

/* The value of a key, by another walk; NULL if it is not there. Checks what the specification asks of all entries. */
static const uint8_t *value_of(const buffer *b, const char *key, size_t *size) {
    size_t at = get(b->p + 56, 4), end = at + get(b->p + 60, 4), n;
    const uint8_t *found = NULL;
    const char *before = "";
    assert_true(!at == (at == end));
    assert_true(!at || at == get(b->p + 48, 4) + get(b->p + 52, 4));
    for (; at < end; at += 4 + (n + 3) / 4 * 4) {
        const char *name = (const char *)b->p + at + 4;
        n = get(b->p + at, 4);
        assert_int_equal(at % 4, 0);
        assert_true(n >= 2 && memchr(name, 0, n) && strcmp(before, name) < 0);
        before = name;
        if (strcmp(name, key)) continue;
        *size = n - strlen(key) - 1;
        found = b->p + at + 4 + strlen(key) + 1;
    }
    assert_int_equal(at, end);
    return found;
}

static void check_same_levels(const buffer *a, const buffer *b, const shape *s) {
    size_t end = 0, i;
    assert_memory_equal(a->p, b->p, 56);
    for (i = s->levels; i-- > 0;) {
        const uint8_t *la = a->p + INDEX + 24 * i, *lb = b->p + INDEX + 24 * i;
        const size_t at = get(lb, 8), n = get(lb + 8, 8);
        assert_memory_equal(la + 8, lb + 8, 16);
        assert_int_equal(at % required(s), 0);
        assert_true(n <= b->n && at <= b->n - n);
        assert_memory_equal(a->p + get(la, 8), b->p + at, n);
        if (end) assert_true(at >= end && at - end < required(s)); /* no more than the padding */
        else {
            const size_t keys = get(b->p + 56, 4) ? get(b->p + 56, 4) + get(b->p + 60, 4) : INDEX + 24 * s->levels + 44;
            const size_t global = get(b->p + 64, 8), before = global ? global + get(b->p + 72, 8) : keys;
            assert_int_equal(get(b->p + 72, 8), s->global);
            assert_true(global ? global % 8 == 0 && global >= keys && global - keys < 8 : !s->global);
            if (global) assert_memory_equal(b->p + global, a->p + get(a->p + 64, 8), s->global);
            assert_true(at >= before && at - before < required(s));
        }
        end = at + n;
    }
    assert_int_equal(end, b->n);
}

static const shape shapes[] = {
    {1, 4, 0, 0, 0, {NULL}, {0}},
    {1, 3, 1, 0, 0, {"KTXorientation\0rd"}, {18}},
    {4, 3, 0, 0, 0, {"Author\0me", "KTXwriter\0x"}, {10, 12}},
    {3, 16, 0, 0, 0, {"AAA\0", "GMLPneu\0", "KTXorientation\0ru", "KTXwriter\0tool"}, {4, 8, 18, 15}},
    {4, 6, 0, 2, 0, {"GMLPne\0a"}, {9}},
    {2, 8, 0, 1, 13, {"KTXwriter\0x"}, {12}},
    {3, 1, 0, 3, 0, {"zzz\0last"}, {8}}
};

static void test_round_trip(void **state) {
    buffer blob = make_blob(32, 8, 8, 1), other = make_blob(8, 4, 7, 2), out, again, plain;
    size_t i, k, n, m;
    (void)state;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const shape *s = &shapes[i];
        buffer file = make_ktx2(s);
        const uint8_t *value;
        check_same_levels(&file, &file, s); /* the test's own file is as it asks */
        assert_int_equal(gmlp_container_kind(file.p, file.n), GMLP_CONTAINER_KTX2);
        assert_int_equal(extract_result(file.p, file.n, NULL), GMLP_E_NOT_FOUND);
        plain = strip(&file);
        assert_equal(&plain, &file);
        drop(&plain);
        for (n = 0; n < 2; n++) {
            out = embed(&file, &blob, n ? KEY : 0, (int)n);
            assert_int_equal(gmlp_carriers_present(out.p, out.n, NULL), KEY);
            assert_holds(&out, &blob);
            value = value_of(&out, "GMLPnet", &m);
            assert_non_null(value);
            assert_int_equal(m, blob.n);
            assert_memory_equal(value, blob.p, m);
            check_same_levels(&file, &out, s);
            for (k = 0; k < 4 && s->keys[k]; k++) {
                const size_t length = strlen(s->keys[k]) + 1;
                value = value_of(&out, s->keys[k], &m);
                assert_non_null(value);
                assert_int_equal(m, s->sizes[k] - length);
                assert_memory_equal(value, s->keys[k] + length, m);
            }
            plain = strip(&out);
            assert_equal(&plain, &file);
            drop(&plain);
            again = embed(&out, &other, 0, 0);
            assert_holds(&again, &other);
            plain = embed(&file, &other, 0, 0);
            assert_equal(&plain, &again);
            drop(&plain);
            drop(&again);
            drop(&out);
        }
        drop(&file);
    }
    drop(&blob);
    drop(&other);
}

static void test_own_functions(void **state) {
    buffer blob = make_blob(8, 4, 8, 1), file = make_ktx2(&shapes[2]), out, plain;
    void *found;
    size_t n;
    (void)state;
    assert_int_equal(gmlp_ktx2_embed(file.p, file.n, blob.p, blob.n, NULL, writer_to(&out), NULL), GMLP_OK);
    assert_int_equal(gmlp_ktx2_extract(out.p, out.n, NULL, &found, &n, NULL), GMLP_OK);
    assert_int_equal(n, blob.n);
    gmlp_bytes_free(found, n, NULL);
    assert_int_equal(gmlp_ktx2_strip(out.p, out.n, writer_to(&plain), NULL), GMLP_OK);
    assert_equal(&plain, &file);
    assert_int_equal(gmlp_ktx2_extract("\x89PNG\r\n\x1a\n", 8, NULL, &found, &n, NULL), GMLP_E_FORMAT);
    assert_int_equal(gmlp_ktx2_strip(out.p, out.n, NULL, NULL), GMLP_E_ARGUMENT);
    drop(&plain);
    assert_int_equal(gmlp_ktx2_embed(NULL, 0, blob.p, blob.n, NULL, writer_to(&plain), NULL), GMLP_E_ARGUMENT);
    check_arguments(&file, &blob, GMLP_CARRIER_XMP | GMLP_CARRIER_PNG_TEXT);
    check_flips(&out, &blob);
    drop(&plain);
    drop(&out);
    drop(&file);
    drop(&blob);
}

static void test_failing_writes_and_memory(void **state) {
    buffer blob = make_blob(8, 4, 8, 1), file = make_ktx2(&shapes[5]), out = embed(&file, &blob, 0, 0);
    (void)state;
    check_scarce_memory(&out);
    check_failing_writes(&file, &blob);
    drop(&out);
    drop(&file);
    drop(&blob);
}

/* Every byte of the header, the index and the keys on its own, and the file's every beginning: right, refused, or with
   other numbers, but never out of bounds (the sanitizers' builds see that) and never half a network. */
static void test_damage(void **state) {
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    buffer blob = make_blob(8, 1, 8, 1);
    size_t i, k, v, bad = 0;
    (void)state;
    for (k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        buffer file = make_ktx2(&shapes[k]), out = embed(&file, &blob, 0, 0), made;
        const size_t keys = get(out.p + 56, 4);
        for (i = 0; i < out.n; i++) {
            uint8_t *exact = (uint8_t *)malloc(i + !i); /* its end is the memory's */
            memcpy(exact, out.p, i);
            if (extract_result(exact, i, NULL) == GMLP_OK) assert_true(i >= keys + blob.n);
            if (i < get(out.p + 56, 4) + get(out.p + 60, 4)) assert_int_equal(gmlp_strip(exact, i, writer_to(&made), NULL), i < 12 ? GMLP_E_FORMAT : GMLP_E_TRUNCATED);
            free(exact);
        }
        for (i = 0; i < keys + 40 && i < out.n; i++)
            for (v = 0; v < sizeof values; v++) {
                const uint8_t was = out.p[i];
                gmlp_result result;
                out.p[i] = values[v];
                result = extract_result(out.p, out.n, NULL);
                assert_true(result == GMLP_OK || result == GMLP_E_NOT_FOUND || result == GMLP_E_FORMAT ||
                            result == GMLP_E_TRUNCATED || result == GMLP_E_CORRUPT);
                if (result == GMLP_OK) assert_holds(&out, &blob);
                result = gmlp_strip(out.p, out.n, writer_to(&made), NULL);
                if (result == GMLP_OK) assert_int_equal(extract_result(made.p, made.n, NULL), GMLP_E_NOT_FOUND);
                else assert_null(made.p);
                bad += result != GMLP_OK;
                drop(&made);
                result = gmlp_embed(out.p, out.n, blob.p, blob.n, NULL, writer_to(&made), NULL);
                if (result == GMLP_OK) assert_holds(&made, &blob);
                else assert_null(made.p);
                drop(&made);
                out.p[i] = was;
            }
        drop(&out);
        drop(&file);
    }
    assert_true(bad > 500);
    drop(&blob);
}

/* Offsets and lengths that point out of the file, into each other, or around. */
static void test_hostile(void **state) {
    static const struct { int at, bytes; uint64_t value; gmlp_result strip, extract; } cases[] = {
        {56, 4, 0, GMLP_E_TRUNCATED, GMLP_E_TRUNCATED},                       /* keys before the header's end: no endless walk */
        {56, 4, 79, GMLP_E_TRUNCATED, GMLP_E_TRUNCATED},
        {56, 4, 0xffffffff, GMLP_E_TRUNCATED, GMLP_E_TRUNCATED},
        {60, 4, 0xffffffff, GMLP_E_TRUNCATED, GMLP_E_TRUNCATED},
        {60, 4, 0xfffffffd, GMLP_E_TRUNCATED, GMLP_E_TRUNCATED},
        {60, 4, 3, GMLP_E_FORMAT, GMLP_E_FORMAT},                             /* shorter than a length */
        {60, 4, 20, GMLP_E_FORMAT, GMLP_E_FORMAT},
        {40, 4, 0xffffffff, GMLP_E_TRUNCATED, GMLP_OK},                       /* levels */
        {40, 4, 0x0aaaaaab, GMLP_E_TRUNCATED, GMLP_OK},                       /* 24 times that is 8 in 32 bits */
        {48, 4, 0, GMLP_E_FORMAT, GMLP_OK},
        {48, 4, 0xfffffff0, GMLP_E_FORMAT, GMLP_OK},
        {52, 4, 0xffffffff, GMLP_E_FORMAT, GMLP_OK},
        {64, 8, 8, GMLP_E_FORMAT, GMLP_OK},
        {64, 8, UINT64_MAX, GMLP_E_FORMAT, GMLP_OK},
        {72, 8, UINT64_MAX, GMLP_E_FORMAT, GMLP_OK},
        {72, 8, UINT64_MAX - 300, GMLP_E_FORMAT, GMLP_OK},
        {80, 8, 0, GMLP_E_FORMAT, GMLP_OK},                                   /* a level over the header */
        {80, 8, UINT64_MAX, GMLP_E_TRUNCATED, GMLP_OK},
        {80, 8, (uint64_t)1 << 32, GMLP_E_TRUNCATED, GMLP_OK},
        {88, 8, UINT64_MAX, GMLP_E_TRUNCATED, GMLP_OK},
        {88, 8, UINT64_MAX - 200, GMLP_E_TRUNCATED, GMLP_OK}
    };
    buffer blob = make_blob(8, 1, 8, 1), file = make_ktx2(&shapes[5]), out = embed(&file, &blob, 0, 0), made;
    const size_t entry = get(out.p + 56, 4);
    size_t i;
    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t was[8];
        gmlp_error err;
        memcpy(was, out.p + cases[i].at, 8);
        put(out.p + cases[i].at, cases[i].value, cases[i].bytes);
        assert_int_equal(extract_result(out.p, out.n, NULL), cases[i].extract);
        assert_int_equal(gmlp_strip(out.p, out.n, writer_to(&made), &err), cases[i].strip);
        assert_null(made.p);
        assert_true(err.text && err.offset <= out.n);
        memcpy(out.p + cases[i].at, was, 8);
    }
    put(out.p + entry, 0xffffffff, 4); /* a key's own length */
    assert_int_equal(extract_result(out.p, out.n, NULL), GMLP_E_FORMAT);
    put(out.p + entry, 7, 4); /* too short for our key: what follows is none */
    assert_int_equal(extract_result(out.p, out.n, NULL), GMLP_E_FORMAT);
    put(out.p + entry, 8 + blob.n, 4);
    out.p[entry + 4 + 8 + 20] ^= 1;
    assert_int_equal(extract_result(out.p, out.n, &i), GMLP_E_CORRUPT);
    assert_int_equal(i, entry);
    made = strip(&out);
    assert_equal(&made, &file);
    drop(&made);
    drop(&out);
    drop(&file);
    drop(&blob);
}

/* Twice the key, which the specification forbids: the first intact blob counts, and both go. */
static void test_twice(void **state) {
    buffer blob = make_blob(8, 1, 8, 1), bad = make_blob(8, 1, 8, 2), file = make_ktx2(&shapes[0]), two, back;
    char text[2][4096];
    shape s = shapes[0];
    int k;
    (void)state;
    for (k = 0; k < 2; k++) {
        memcpy(text[k], "GMLPnet", 8);
        memcpy(text[k] + 8, k ? blob.p : bad.p, blob.n);
        s.keys[k] = text[k];
        s.sizes[k] = 8 + blob.n;
    }
    text[0][8 + 30] ^= 1;
    two = make_ktx2(&s);
    assert_holds(&two, &blob);
    back = strip(&two);
    assert_equal(&back, &file);
    drop(&back);
    drop(&two);
    drop(&file);
    drop(&bad);
    drop(&blob);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_own_functions),
                                       cmocka_unit_test(test_failing_writes_and_memory), cmocka_unit_test(test_damage),
                                       cmocka_unit_test(test_hostile), cmocka_unit_test(test_twice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
