/* What the library writes: kept, or refused. Include after gamutmlp.h and fuzz.h. */
typedef struct sink {
    uint8_t *p;
    size_t n, capacity;
    size_t fail_after; /* writes; 0: never */
} sink;

static int sink_write(void *user, const void *bytes, size_t n) {
    sink *s = (sink *)user;
    if (s->fail_after && !--s->fail_after) return 1;
    if (n > s->capacity - s->n) {
        s->capacity = (s->n + n) * 2;
        s->p = (uint8_t *)realloc(s->p, s->capacity);
        CHECK(s->p);
    }
    memcpy(s->p + s->n, bytes, n);
    s->n += n;
    return 0;
}

static gmlp_writer into(sink *s) {
    gmlp_writer w;
    memset(s, 0, sizeof *s);
    w.user = s;
    w.write = sink_write;
    return w;
}
