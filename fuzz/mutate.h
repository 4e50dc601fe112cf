/* For mutators that know what their bytes mean: draws, and bytes put into a file in place of others. Include after
   fuzz.h. */
static uint64_t draw_state;

static uint32_t draw(uint32_t n) { /* 0..n-1 */
    draw_state ^= draw_state << 13;
    draw_state ^= draw_state >> 7;
    draw_state ^= draw_state << 17;
    return (uint32_t)(draw_state >> 20) % n;
}

static void draw_from(unsigned seed) {
    draw_state = seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;
    draw(1);
}

/* n bytes in place of cut at at. The new size; 0, and nothing done, if that is more than most. */
static size_t splice(uint8_t *data, size_t size, size_t most, size_t at, size_t cut, const void *piece, size_t n) {
    if (n > most || size - cut > most - n) return 0;
    memmove(data + at + n, data + at + cut, size - at - cut);
    if (n) memcpy(data + at, piece, n);
    return size - cut + n;
}

static uint32_t get_be(const uint8_t *p, size_t n) {
    uint32_t v = 0;
    while (n--) v = v << 8 | *p++;
    return v;
}

static void put_be(uint8_t *p, uint32_t v, size_t n) {
    while (n--) p[n] = (uint8_t)v, v >>= 8;
}
