/* Helper of survival.sh: puts a blob of a given size into one carrier of a file, and says which
   carriers of a file still hold one.

      survival embed IN OUT CARRIER BYTES
      survival present FILE
*/
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { int bit; const char *name; } carriers[] = {
    {GMLP_CARRIER_JPEG_APP, "app"}, {GMLP_CARRIER_JPEG_COM, "com"}, {GMLP_CARRIER_XMP, "xmp"},
    {GMLP_CARRIER_PNG_CHUNK, "chunk"}, {GMLP_CARRIER_PNG_TEXT, "text"}
};
enum { CARRIERS = sizeof carriers / sizeof carriers[0] };

static unsigned char *load(const char *name, size_t *size) {
    FILE *f = fopen(name, "rb");
    unsigned char *p = NULL;
    long n;
    if (!f) return NULL;
    if (!fseek(f, 0, SEEK_END) && (n = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET) && (p = (unsigned char *)malloc((size_t)n)) != NULL) {
        *size = fread(p, 1, (size_t)n, f);
        if (*size != (size_t)n) {
            free(p);
            p = NULL;
        }
    }
    fclose(f);
    return p;
}

static int to_file(void *user, const void *bytes, size_t size) { return fwrite(bytes, 1, size, (FILE *)user) != size; }

/* A blob to the containers: magic, noise, checksum. */
static void make_blob(unsigned char *p, size_t n) {
    uint32_t seed = 1;
    size_t i;
    for (i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (unsigned char)(seed >> 24);
    }
    memcpy(p, "GMLP\2", 5);
    gmlp__put_le(p + n - 4, gmlp__crc32(0, p, n - 4), 4);
}

static int embed(const char *in, const char *out, const char *carrier, size_t n) {
    size_t size = 0;
    unsigned char *file = load(in, &size), *blob = (unsigned char *)malloc(n);
    gmlp_embed_opts opts;
    gmlp_writer to;
    gmlp_error err;
    gmlp_result result;
    int i;
    FILE *f = fopen(out, "wb");
    if (!file || !blob || !f) return 1;
    make_blob(blob, n);
    memset(&opts, 0, sizeof opts);
    for (i = 0; i < CARRIERS; i++)
        if (!strcmp(carrier, carriers[i].name)) opts.carriers = carriers[i].bit;
    to.user = f;
    to.write = to_file;
    result = gmlp_embed(file, size, blob, n, &opts, &to, &err);
    if (fclose(f) || result != GMLP_OK) {
        fprintf(stderr, "%s: %s\n", in, result != GMLP_OK ? err.text : "not written");
        return 1;
    }
    free(file);
    free(blob);
    return 0;
}

static int present(const char *name) {
    size_t size = 0;
    unsigned char *file = load(name, &size);
    int i, found;
    if (!file) return 1;
    found = gmlp_carriers_present(file, size, NULL);
    for (i = 0; i < CARRIERS; i++)
        if (found & carriers[i].bit) printf("%s\n", carriers[i].name);
    free(file);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "embed") && atol(argv[5]) >= 38) return embed(argv[2], argv[3], argv[4], (size_t)atol(argv[5]));
    if (argc == 3 && !strcmp(argv[1], "present")) return present(argv[2]);
    fprintf(stderr, "survival embed IN OUT app|com|xmp|chunk|text BYTES\nsurvival present FILE\n");
    return 2;
}
