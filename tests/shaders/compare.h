/* Files of case.c, and whether a shader's pixels are the library's. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static unsigned width, height, neurons;
static double library_ms;

static void fail(const char *what) {
    fprintf(stderr, "# %s\n", what);
    exit(1);
}
static void lacking(const char *what) { /* which is no failure */
    printf("# no %s\n", what);
    exit(77);
}

static void *read_file(const char *folder, const char *name, size_t *size) {
    char path[4096], *bytes;
    FILE *f;
    long end;
    snprintf(path, sizeof path, "%s%s%s", folder ? folder : "", folder ? "/" : "", name);
    f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) || (end = ftell(f)) < 0) fail(path);
    rewind(f);
    bytes = calloc((size_t)end + 32768, 1); /* a texture's last row is longer */
    if (!bytes || fread(bytes, 1, (size_t)end, f) != (size_t)end) fail(path);
    fclose(f);
    *size = (size_t)end;
    return bytes;
}

static void read_size(const char *folder) {
    size_t size;
    char *text = read_file(folder, "size.txt", &size);
    if (sscanf(text, "%u %u %u %lf", &width, &height, &neurons, &library_ms) != 4) fail("size.txt");
    free(text);
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* got: a rectangle of the picture */
static void compare(const char *folder, const uint32_t *got, unsigned x, unsigned y, unsigned w, unsigned h) {
    size_t size, other = 0;
    const uint32_t *want = read_file(folder, "light", &size);
    unsigned i, j, c;
    for (j = 0; j < h; j++)
        for (i = 0; i < w; i++)
            for (c = 0; c < 3; c++) {
                const uint32_t a = got[4 * ((size_t)j * w + i) + c], b = want[4 * ((size_t)(y + j) * width + x + i) + c];
                if (a != b && ++other < 5) printf("# %u, %u, %u: %08x, not %08x\n", x + i, y + j, c, a, b);
            }
    printf("# %u x %u pixels at %u, %u: %zu of %zu numbers differ\n", w, h, x, y, other, (size_t)w * h * 3);
    if (other) exit(1);
}
