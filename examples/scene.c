/* A synthetic wide-gamut photograph: glass marbles and lacquered balls on a dyed cloth at dusk.

      scene OUT.png WIDTH HEIGHT [SEED]

   writes a 16-bit PNG whose numbers are ProPhoto (ROMM) RGB. It carries no profile: readers are
   told (gamutmlp --from prophoto). Everything is computed in linear ProPhoto. The same arguments
   give the same picture: noise comes from integer hashes, and of libm only the square root is
   used, which is exact. */
#include <math.h>
#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct vec { float x, y, z; } vec; /* a point, a direction, or linear ProPhoto RGB */

static vec v3(float x, float y, float z) { vec v; v.x = x; v.y = y; v.z = z; return v; }
static vec add(vec a, vec b) { return v3(a.x + b.x, a.y + b.y, a.z + b.z); }
static vec sub(vec a, vec b) { return v3(a.x - b.x, a.y - b.y, a.z - b.z); }
static vec mul(vec a, vec b) { return v3(a.x * b.x, a.y * b.y, a.z * b.z); }
static vec scale(vec a, float s) { return v3(a.x * s, a.y * s, a.z * s); }
static float dot(vec a, vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static vec unit(vec a) { return scale(a, 1.0f / sqrtf(dot(a, a))); }
static vec mix(vec a, vec b, float t) { return add(scale(a, 1.0f - t), scale(b, t)); }
static float clamp01(float a) { return a < 0.0f ? 0.0f : a > 1.0f ? 1.0f : a; }
static float smooth(float lo, float hi, float a) {
    const float t = clamp01((a - lo) / (hi - lo));
    return t * t * (3.0f - 2.0f * t);
}
static float power(float a, int squarings) { /* a^(2^squarings), for highlights */
    a = a < 0.0f ? 0.0f : a;
    while (squarings-- > 0) a *= a;
    return a;
}
static float decay(float a) { /* exp(-a) to about 1e-3: (1 - a/32)^32 */
    return power(1.0f - (a < 32.0f ? a : 32.0f) / 32.0f, 5);
}

/* Noise. */
static uint32_t seed;

static int32_t whole(float a) { /* the floor, without a call */
    const int32_t i = (int32_t)a;
    return i - (a < (float)i);
}

static uint32_t hash(int32_t x, int32_t y) {
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ seed;
    h = (h ^ h >> 15) * 0x2c1b3c6du;
    h = (h ^ h >> 12) * 0x297a2d39u;
    return h ^ h >> 15;
}
static float random01(int32_t x, int32_t y) { return (float)(hash(x, y) >> 8) / 16777216.0f; }

static float noise(float x, float y) { /* 0..1, smooth between the values at integers */
    const int32_t i = whole(x), j = whole(y);
    float u = x - (float)i, v = y - (float)j, a, b;
    u = u * u * (3.0f - 2.0f * u);
    v = v * v * (3.0f - 2.0f * v);
    a = random01(i, j) * (1.0f - u) + random01(i + 1, j) * u;
    b = random01(i, j + 1) * (1.0f - u) + random01(i + 1, j + 1) * u;
    return a * (1.0f - v) + b * v;
}
static float fractal(float x, float y, int octaves) {
    float sum = 0.0f, gain = 0.5f;
    for (; octaves > 0; octaves--, gain *= 0.5f) {
        const float t = x * 0.8f - y * 0.6f; /* turned, so that the grids do not line up */
        sum += gain * noise(x, y);
        y = (x * 0.6f + y * 0.8f) * 2.03f + 17.3f;
        x = t * 2.03f + 5.1f;
    }
    return sum;
}

/* The scene. Dyes and glasses go well beyond sRGB, and stay inside what the eye can see. */
static const vec dyes[] = {
    {0.095f, 0.175f, 0.200f}, /* petrol */
    {0.160f, 0.240f, 0.100f}, /* green */
    {0.420f, 0.275f, 0.095f}, /* saffron */
    {0.300f, 0.095f, 0.190f}, /* magenta */
    {0.100f, 0.100f, 0.260f}, /* indigo */
    {0.420f, 0.380f, 0.300f}  /* undyed */
};
static const vec sun_dir = {-0.46f, 0.56f, 0.69f}; /* low and behind: shadows come forward */
static const vec sun_light = {2.6f, 1.95f, 1.05f};

typedef struct ball {
    vec c;
    float r;
    vec color; /* glass: what one unit of path lets through; else the albedo */
    int glass;
} ball;
static const ball balls[] = {
    {{-1.55f, 0.80f, 0.35f}, 0.80f, {0.36f, 0.86f, 0.36f}, 1},  /* emerald */
    {{0.20f, 0.95f, 1.10f}, 0.95f, {0.38f, 0.74f, 0.86f}, 1},   /* cyan */
    {{1.90f, 0.72f, 0.10f}, 0.72f, {0.98f, 0.80f, 0.10f}, 1},   /* amber */
    {{0.75f, 0.50f, -0.95f}, 0.50f, {0.72f, 0.10f, 0.55f}, 1},  /* magenta */
    {{-0.55f, 0.42f, -1.05f}, 0.42f, {0.86f, 0.42f, 0.02f}, 0}, /* orange */
    {{-2.75f, 0.55f, -0.60f}, 0.55f, {0.60f, 0.16f, 0.14f}, 0}, /* red */
    {{2.95f, 0.55f, 1.30f}, 0.55f, {0.30f, 0.52f, 0.14f}, 0},   /* lime */
    {{-2.70f, 0.75f, 2.30f}, 0.75f, {0.12f, 0.10f, 0.55f}, 1},  /* cobalt */
    {{1.55f, 0.60f, 2.80f}, 0.60f, {0.62f, 0.18f, 0.36f}, 0},   /* rose */
    {{-0.85f, 0.38f, 2.60f}, 0.38f, {0.80f, 0.60f, 0.03f}, 0},  /* yellow */
    {{1.80f, 0.26f, -1.35f}, 0.26f, {0.05f, 0.40f, 0.42f}, 0},  /* turquoise */
    {{-1.60f, 0.24f, -1.55f}, 0.24f, {0.20f, 0.70f, 0.90f}, 1}, /* pale blue */
    {{0.10f, 0.20f, -1.75f}, 0.20f, {0.20f, 0.85f, 0.10f}, 1},  /* green */
    {{2.75f, 0.30f, -0.85f}, 0.30f, {0.85f, 0.12f, 0.40f}, 1}   /* pink */
};
#define BALLS ((int)(sizeof balls / sizeof *balls))

/* What a ray sees that hits nothing: an evening sky above a garden far out of focus, where leaves
   are soft and lamps become the discs of an open lens. */
static vec garden(float x, float y) {
    const int32_t i = whole(x * 2.2f), j = whole(y * 2.2f);
    const float r = random01(i, j + 99), du = x * 2.2f - (float)i - 0.5f, dv = y * 2.2f - (float)j - 0.5f;
    const float disc = smooth(0.16f, 0.12f, du * du + dv * dv) * smooth(0.55f, 0.75f, r);
    const vec leaves = mix(v3(0.05f, 0.10f, 0.05f), v3(0.14f, 0.26f, 0.06f), fractal(x * 3.0f, y * 5.0f, 2));
    return add(leaves, scale(mix(v3(0.9f, 0.5f, 0.08f), v3(0.10f, 0.45f, 0.40f), 4.0f * r - 3.0f), 0.6f * disc));
}

static vec sky(vec d) {
    const float x = d.x * 6.0f, y = d.y * 6.0f, toward = dot(d, sun_dir);
    float haze, h, hedge = d.y;
    vec c;
    if (d.y < -0.012f) return garden(x, y);
    haze = fractal(x + 40.0f, y * 3.0f, 4) - 0.47f;
    h = d.y + 0.05f * haze;
    c = mix(v3(0.80f, 0.56f, 0.28f), v3(0.46f, 0.31f, 0.36f), smooth(0.0f, 0.08f, h));
    c = mix(c, v3(0.12f, 0.18f, 0.40f), smooth(0.04f, 0.5f, h));
    c = add(c, scale(v3(0.80f, 0.55f, 0.40f), smooth(0.02f, 0.25f, haze) * smooth(0.5f, 0.0f, d.y)));
    c = add(c, scale(sun_light, 0.25f * power(toward, 3) + 3.0f * power(toward, 8)));
    if (d.y > 0.06f) return c;
    hedge -= 0.035f * noise(x * 1.7f, 3.0f) + 0.012f * noise(x * 7.0f, 4.0f);
    return mix(c, garden(x, y), smooth(0.012f, -0.012f, hedge));
}

static float hit(const ball *b, vec o, vec d) { /* distance along the ray, or 0; o is outside */
    const vec q = sub(b->c, o);
    const float k = dot(q, d);
    float disc;
    if (k <= 0.0f) return 0.0f;
    disc = k * k - dot(q, q) + b->r * b->r;
    return disc > 0.0f ? k - sqrtf(disc) : 0.0f;
}

/* Sunlight and sky that reach p with normal n; glass casts coloured shadows with a bright core. */
static vec light_at(vec p, vec n, const ball *self) {
    vec sun = scale(sun_light, clamp01(dot(n, sun_dir)));
    float open = 0.55f + 0.45f * n.y;
    int i;
    for (i = 0; i < BALLS; i++) {
        const ball *b = balls + i;
        const vec q = sub(b->c, p);
        const float along = dot(q, sun_dir), d2 = dot(q, q);
        float off, cover;
        if (b == self) continue;
        open -= clamp01(dot(n, q)) * b->r * b->r / (d2 * sqrtf(d2)) * 0.8f;
        if (along < 0.0f) continue;
        off = d2 - along * along;
        if (off > 1.7f * b->r * b->r) continue;
        off = sqrtf(off > 0.0f ? off : 0.0f) / b->r;
        cover = smooth(1.0f + 0.10f * along, 1.0f - 0.10f * along, off);
        if (b->glass) {
            const vec tint = scale(b->color, 0.35f + 2.4f * power(clamp01(1.0f - off), 1));
            sun = mul(sun, mix(v3(1, 1, 1), tint, cover));
        } else sun = scale(sun, 1.0f - cover);
    }
    return add(sun, scale(v3(0.50f, 0.42f, 0.62f), clamp01(open)));
}

/* The cloth: woven stripes, dye that took unevenly, soft folds. far blurs threads away. */
static vec cloth(vec p, float far) {
    const float fold = fractal(p.x * 0.9f + 3.0f, p.z * 0.9f, 2);
    const float slope = fractal(p.x * 0.9f + 3.05f, p.z * 0.9f, 2) - fold;
    const float u = p.x * 0.82f + p.z * 0.57f, v = p.z * 0.82f - p.x * 0.57f, threads = 26.0f;
    const float s = u * 2.2f + 0.06f * noise(u * 2.0f, v * 2.0f);
    const int32_t iu = whole(u * threads), iv = whole(v * threads);
    const float fu = u * threads - (float)iu, fv = v * threads - (float)iv;
    const int over = (iu + iv) & 2; /* twill */
    const float t = over ? fu : fv, round = 4.0f * t * (1.0f - t);
    const float detail = clamp01(1.6f - far * 0.16f);
    vec n, c = dyes[hash(whole(s), 7) % 6u];
    if (!over) c = mix(c, dyes[hash(whole(v * 1.1f), 11) % 6u], 0.6f);
    c = scale(c, 0.70f + 0.9f * (fractal(u * 9.0f, v * 9.0f, 3) - 0.25f));
    c = scale(c, 1.0f + detail * (0.55f * round - 0.40f));
    c = scale(c, 1.0f + detail * 0.35f * (random01(over ? iu : iv, over ? 1 : 2) - 0.5f));
    n = unit(v3(-slope * 9.0f, 1.0f, (fold - 0.4f) * 0.5f));
    return mul(c, light_at(p, n, NULL));
}

static vec shade(const ball *b, vec p, vec d, int depth);

static vec trace(vec o, vec d, int depth) {
    const ball *near = NULL;
    float t = 1e9f;
    int i;
    for (i = 0; i < BALLS; i++) {
        const float u = hit(balls + i, o, d);
        if (u > 0.0f && u < t) { t = u; near = balls + i; }
    }
    if (near) return shade(near, add(o, scale(d, t)), d, depth);
    if (d.y < -1e-4f) {
        const float u = -o.y / d.y;
        const vec p = add(o, scale(d, u));
        if (p.z < 9.0f) return mix(cloth(p, u), sky(d), smooth(5.0f, 9.0f, p.z));
    }
    return sky(d);
}

static vec reflect(vec d, vec n) { return sub(d, scale(n, 2.0f * dot(d, n))); }

static vec refract(vec d, vec n, float eta) {
    const float c = -dot(d, n), k = 1.0f - eta * eta * (1.0f - c * c);
    return k < 0.0f ? reflect(d, n) : add(scale(d, eta), scale(n, eta * c - sqrtf(k)));
}

static vec shade(const ball *b, vec p, vec d, int depth) {
    const vec n = scale(sub(p, b->c), 1.0f / b->r), r = reflect(d, n);
    const float edge = 1.0f - clamp01(-dot(d, n)), fresnel = 0.04f + 0.96f * edge * power(edge, 2);
    const float shine = 14.0f * power(dot(r, sun_dir), 9) + 0.5f * power(dot(r, sun_dir), 5);
    vec c, mirror = r.y > 0.0f || depth > 0 ? sky(r) : trace(p, r, depth + 1);
    if (b->glass) {
        const vec in = refract(d, n, 1.0f / 1.45f);
        const float path = -2.0f * dot(in, n) * b->r;
        const vec q = add(p, scale(in, path)), m = sub(add(p, scale(in, 0.5f * path)), b->c);
        const vec out = refract(in, scale(sub(b->c, q), 1.0f / b->r), 1.45f);
        const float swirl = fractal(m.x * 4.0f / b->r + b->c.x * 9.0f, (m.y + 0.6f * m.z) * 2.5f / b->r, 4);
        const float thick = path * 1.1f / b->r * (0.6f + 1.1f * swirl);
        const vec behind = depth > 0 ? sky(out) : trace(q, out, depth + 1);
        vec tint;
        tint.x = decay((1.0f - b->color.x) * 1.6f * thick);
        tint.y = decay((1.0f - b->color.y) * 1.6f * thick);
        tint.z = decay((1.0f - b->color.z) * 1.6f * thick);
        c = add(mul(behind, tint), scale(b->color, 0.22f * smooth(0.45f, 0.75f, swirl)));
    } else {
        const float spots = fractal(n.x * 6.0f + b->c.x * 7.0f, n.y * 6.0f + n.z * 4.0f, 4);
        const vec wrap = mul(sun_light, scale(b->color, 0.10f)); /* light that seeps round */
        c = add(mul(scale(b->color, 0.65f + 0.7f * spots), light_at(p, n, b)), wrap);
        c = scale(c, 0.75f);
    }
    return add(mix(c, mirror, fresnel), scale(sun_light, shine));
}

/* Film: highlights are pressed together so that nothing leaves [0,1], hue kept as well as can be. */
static float film(float a) { return a < 0.0f ? 0.0f : a < 0.6f ? a : 1.0f - 0.16f / (a - 0.2f); }

static vec picture(float x, float y, float aspect) { /* x, y in -1..1 */
    const vec eye = v3(0.0f, 2.35f, -6.4f), fwd = unit(v3(0.0f, -1.75f, 7.0f));
    const vec right = v3(1.0f, 0.0f, 0.0f), up = v3(0.0f, fwd.z, -fwd.y);
    const vec d = unit(add(fwd, add(scale(right, x * 0.30f * aspect), scale(up, -y * 0.30f))));
    const float vignette = 1.0f - 0.16f * (x * x + y * y);
    return scale(trace(eye, d, 0), 0.62f * vignette);
}

/* Linear light to ROMM codes: x^(1/1.8) = x^(5/9), by Newton's steps on y^9 = x^5; toe below 1/512. */
#define CURVE 8192
static float curve[CURVE + 2];

static void make_curve(void) {
    int i, k;
    for (i = 0; i <= CURVE + 1; i++) { /* over the square root, which spreads the dark end */
        const double s = (double)i / CURVE, x = s * s, x5 = x * x * x * x * x;
        double y = 1.1;
        for (k = 0; k < 80; k++) {
            const double y2 = y * y, y8 = y2 * y2 * y2 * y2;
            y -= (y * y8 - x5) / (9.0 * y8);
        }
        curve[i] = (float)(x < 1.0 / 512.0 ? 16.0 * x : y);
    }
}

static float encode(float v) {
    const float s = sqrtf(clamp01(v)) * CURVE;
    const int i = (int)s;
    return curve[i] + (curve[i + 1] - curve[i]) * (s - (float)i);
}

/* Shot and read noise of a sensor, about normal: four uniform numbers from one 64-bit state. */
static float grain(uint64_t *state, float v) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    int32_t sum;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    sum = (int32_t)(z & 0xffff) + (int32_t)(z >> 16 & 0xffff) + (int32_t)(z >> 32 & 0xffff) + (int32_t)(z >> 48) -
          131070;
    return v + (float)sum / 37837.0f * sqrtf(1.2e-5f * v + 2e-7f); /* 37837: their deviation */
}

static void render_row(uint8_t *row, uint32_t y, uint32_t width, uint32_t height) {
    const float aspect = (float)width / (float)height;
    const int side = (uint64_t)width * height > 1000000 ? 1 : 3; /* samples a pixel, each way */
    uint64_t state = (uint64_t)seed << 32 | y;
    uint32_t x;
    int i, k;
    for (x = 0; x < width; x++) {
        vec c = v3(0, 0, 0);
        float rgb[3];
        for (i = 0; i < side * side; i++) {
            const float px = (float)x + ((float)(i % side) + 0.5f) / (float)side;
            const float py = (float)y + ((float)(i / side) + 0.5f) / (float)side;
            vec s = picture(2.0f * px / (float)width - 1.0f, 2.0f * py / (float)height - 1.0f, aspect);
            c = add(c, v3(film(s.x), film(s.y), film(s.z)));
        }
        c = scale(c, 1.0f / (float)(side * side));
        rgb[0] = c.x; rgb[1] = c.y; rgb[2] = c.z;
        for (k = 0; k < 3; k++) {
            const uint32_t code = (uint32_t)(encode(grain(&state, rgb[k])) * 65535.0f + 0.5f);
            *row++ = (uint8_t)(code >> 8);
            *row++ = (uint8_t)code;
        }
    }
}

static int write_png(FILE *file, uint32_t width, uint32_t height) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    uint8_t *row = (uint8_t *)malloc((size_t)width * 6);
    uint32_t y;
    if (!info || !row || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        free(row);
        return 0;
    }
    png_init_io(png, file);
    png_set_IHDR(png, info, width, height, 16, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_strategy(png, 2); /* Huffman only: noise has no repeats worth the search */
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_write_info(png, info);
    for (y = 0; y < height; y++) {
        render_row(row, y, width, height);
        png_write_row(png, row);
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(row);
    return 1;
}

int main(int argc, char **argv) {
    const unsigned long width = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
    const unsigned long height = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    FILE *file;
    int ok;
    if (argc < 4 || argc > 5 || width < 1 || height < 1 || width > 65535 || height > 65535) {
        fprintf(stderr, "usage: scene OUT.png WIDTH HEIGHT [SEED]\n");
        return 2;
    }
    seed = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 1u;
    make_curve();
    file = fopen(argv[1], "wb");
    ok = file && write_png(file, (uint32_t)width, (uint32_t)height);
    if (file && fclose(file)) ok = 0;
    if (!ok) {
        fprintf(stderr, "scene: %s could not be written\n", argv[1]);
        if (file) remove(argv[1]);
        return 1;
    }
    return 0;
}
