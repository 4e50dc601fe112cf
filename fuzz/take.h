/* For targets whose input says what to do: its bytes one after the other, zeros behind the last, so that every input
   says something. And threads that do jobs in the wrong order, and memory that ends. Include after the library. */
typedef struct input {
    const uint8_t *p;
    size_t n;
} input;

static uint32_t take(input *in, size_t bytes) {
    uint32_t v = 0;
    for (; bytes; bytes--, in->n -= in->n != 0) v = v << 8 | (in->n ? *in->p++ : 0u);
    return v;
}

static void backwards(void *user, void (*job)(void *ctx, size_t index), void *ctx, size_t count) {
    (void)user;
    while (count) job(ctx, --count);
}

static size_t some_left; /* how many times there is memory */
static void *some_alloc(void *user, size_t size) {
    (void)user;
    return some_left ? some_left--, malloc(size) : NULL;
}
static void some_free(void *user, void *p, size_t size) {
    (void)user, (void)size;
    free(p);
}
static const gmlp_alloc some = {NULL, some_alloc, some_free};

/* Some bytes of a blob become others, before its weights: coded ones would only be too many or too few. Its checksum is
   right again. How many. */
static unsigned spoil(input *in, uint8_t *blob, size_t size, size_t before) {
    const unsigned changes = take(in, 1) % 8;
    unsigned i;
    for (i = 0; i < changes; i++) {
        const size_t at = 5 + take(in, 2) % (before - 5);
        blob[at] ^= (uint8_t)take(in, 1);
    }
    gmlp__put_le(blob + size - GMLP__BLOB_CRC, gmlp__crc32(0, blob, size - GMLP__BLOB_CRC), GMLP__BLOB_CRC);
    return changes;
}

/* What a reader takes a picture's codes for: RGB does not say itself whose it is. */
static int space_of_codes(const gmlp_net *net) {
    return net->method == GMLP_METHOD_NONE && net->base_space != GMLP_SYCC ? GMLP_SRGB : net->base_space;
}
