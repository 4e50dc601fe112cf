#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/pictures.h"
#include "measure/metrics.h"
#include "shell/messages.h"

/* Which pictures. */

static int has_suffix(const char *name, const char *suffix) {
    const size_t n = strlen(name), s = strlen(suffix);
    return n >= s && !strcmp(name + n - s, suffix);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct bench_entry *)a)->path, ((const struct bench_entry *)b)->path);
}

/* The files of a folder that end in one of up to three suffixes. 0, or -1 when out of memory. */
static int list_add(bench_list *l, const char *folder, const char *sub, const char *const suffix[3], int set) {
    char name[4096];
    struct dirent *entry;
    DIR *dir;
    int failed = 0, i;
    snprintf(name, sizeof name, "%s%s%s", folder, *sub ? "/" : "", sub);
    dir = opendir(name);
    if (!dir) return 0;
    while (!failed && (entry = readdir(dir)) != NULL) {
        const size_t size = strlen(name) + strlen(entry->d_name) + 2;
        struct bench_entry *grown;
        for (i = 0; i < 3 && suffix[i] && !has_suffix(entry->d_name, suffix[i]); i++) {}
        if (i == 3 || !suffix[i]) continue;
        grown = (struct bench_entry *)realloc(l->entry, (l->count + 1) * sizeof *grown);
        failed = !grown;
        if (failed) break;
        l->entry = grown;
        grown += l->count;
        grown->set = set;
        grown->path = (char *)malloc(size);
        failed = !grown->path;
        if (failed) break;
        snprintf(grown->path, size, "%s/%s", name, entry->d_name);
        l->count++;
        l->set[set] = sub;
    }
    closedir(dir);
    return failed ? -1 : 0;
}

int bench_list_open(bench_list *l, const char *folder) {
    static const char *const scene[3] = { "_prophoto.png", NULL, NULL }, *const raw[3] = { ".CRW", ".NEF", ".CR2" };
    static const char *const any[3] = { ".png", ".tif", ".ppm" };
    memset(l, 0, sizeof *l);
    if (list_add(l, folder, "scene", scene, 0) || list_add(l, folder, "camera", raw, 1) ||
        (!l->count && list_add(l, folder, "", any, 0)))
        return fail("bench", "%s: out of memory", folder);
    if (!l->count) return fail("bench", "%s: no pictures (.png, .tif, .ppm, or scene/ and camera/)", folder);
    qsort(l->entry, l->count, sizeof *l->entry, by_path);
    return 0;
}

void bench_list_free(bench_list *l) {
    for (size_t i = 0; i < l->count; i++) free(l->entry[i].path);
    free(l->entry);
}

void bench_name(const char *path, char out[64]) {
    /* checked: paths are there */
    const char *slash = strrchr(path, '/');
    snprintf(out, 64, "%s", slash ? slash + 1 : path);
    if (strrchr(out, '.')) *strrchr(out, '.') = 0;
}

/* One picture. */

int bench_reduce(const bench *b, const gmlp_image *from, int space, gmlp_image *codes, char error[256]) {
    gmlp_convert_opts convert;
    gmlp_result result;
    memset(&convert, 0, sizeof convert);
    convert.threads = b->run;
    *codes = *from;
    codes->stride = 0;
    codes->type = GMLP_U8;
    codes->space = space;
    codes->data = malloc((size_t)codes->width * codes->height * 3);
    result = codes->data ? gmlp_reduce(from, codes, &convert, NULL) : GMLP_E_MEMORY;
    return result ? error_text(error, "the base", "%s", gmlp_result_string(result)), -1 : 0;
}

int bench_jpeg(const bench *b, const gmlp_image *codes, int quality, picture *base, uint8_t **bytes, size_t *size,
               char error[256]) {
    picture_write_opts write;
    memset(&write, 0, sizeof write);
    memset(base, 0, sizeof *base);
    write.quality = quality;
    write.subsample = b->subsample;
    *bytes = NULL;
    return picture_encode_memory(GMLP_CONTAINER_JPEG, codes, &write, bytes, size, error) ||
                   picture_read_memory(*bytes, *size, "the base", codes->space, base, error)
               ? -1
               : 0;
}

int bench_subject_base(const bench *b, const gmlp_image *from, picture *base, char error[256]) {
    gmlp_image codes;
    uint8_t *bytes;
    size_t size;
    int status;
    memset(base, 0, sizeof *base);
    status = bench_reduce(b, from, GMLP_SRGB, b->quality ? &codes : &base->image, error);
    if (!b->quality) return status;
    if (!status) {
        status = bench_jpeg(b, &codes, b->quality, base, &bytes, &size, error);
        free(bytes);
    }
    free(codes.data);
    return status;
}

const char *bench_chroma(const bench *b) {
    return b->subsample == PICTURE_420 ? "4:2:0" : b->subsample == PICTURE_422 ? "4:2:2" : "4:4:4";
}

/* The margin that the library chooses for these pictures, for the other methods that work on saturated pixels. */
static gmlp_result find_margin(const bench *b, bench_subject *s) {
    gmlp_train_opts opts;
    gmlp_net net;
    gmlp_result result;
    memset(&opts, 0, sizeof opts);
    opts.width = 8;
    opts.iterations = opts.batch = 1;
    opts.threads = b->run;
    result = gmlp_train(&s->base.image, &s->wide.image, &opts, &net, NULL);
    s->clip_margin = net.clip_margin;
    gmlp_net_free(&net);
    return result;
}

int bench_subject_load(const bench *b, const char *path, bench_subject *s) {
    char error[256];
    memset(s, 0, sizeof *s);
    if (picture_read(path, GMLP_PROPHOTO, 0, &s->wide, error)) return fail("bench", "%s", error);
    return bench_subject_of(b, path, s);
}

int bench_subject_of(const bench *b, const char *path, bench_subject *s) {
    gmlp_result result = GMLP_E_MEMORY;
    char error[256];
    s->path = path;
    s->pixels = (size_t)s->wide.image.width * s->wide.image.height;
    s->original = (float *)malloc(s->pixels * 3 * sizeof(float));
    s->clipped = (float *)malloc(s->pixels * 3 * sizeof(float));
    s->result = (float *)malloc(s->pixels * 3 * sizeof(float));
    s->out_of_gamut = (uint8_t *)malloc(s->pixels);
    if (bench_subject_base(b, &s->wide.image, &s->base, error)) return fail("bench", "%s: %s", path, error);
    if (s->original && s->clipped && s->result && s->out_of_gamut)
        result = metrics_linear(&s->wide.image, 0, s->original);
    if (!result) result = metrics_linear(&s->base.image, 0, s->clipped);
    if (!result) result = metrics_mask(&s->wide.image, s->original, 0, s->out_of_gamut);
    if (!result) result = find_margin(b, s);
    return result ? fail("bench", "%s: %s", path, gmlp_result_string(result)) : 0;
}

void bench_subject_free(bench_subject *s) {
    picture_free(&s->wide);
    picture_free(&s->base);
    free(s->original);
    free(s->clipped);
    free(s->result);
    free(s->out_of_gamut);
    memset(s, 0, sizeof *s);
}

bench_score bench_subject_score(const bench_subject *s) {
    double all = 0, og = 0;
    size_t count = 0, i;
    bench_score score;
    for (i = 0; i < s->pixels; i++) {
        const float *p = s->original + 3 * i, *q = s->result + 3 * i;
        double e = 0;
        for (int k = 0; k < 3; k++) {
            const float v = q[k] > 0 ? q[k] < 1 ? q[k] : 1 : 0; /* NaN to 0 */
            const double d = (double)v - p[k];
            e += d * d;
        }
        all += e;
        if (s->out_of_gamut[i]) {
            og += e;
            count++;
        }
    }
    score.psnr = -10 * log10(all / (3.0 * (double)s->pixels));
    score.psnr_og = count ? -10 * log10(og / (3.0 * (double)count)) : NAN;
    return score;
}

/* A picture made here. */

int colours_make(colours *c, uint32_t width, uint32_t height) {
    uint16_t *p;
    memset(c, 0, sizeof *c);
    c->wide.width = c->base.width = width;
    c->wide.height = c->base.height = height;
    c->wide.type = GMLP_U16, c->base.type = GMLP_U8;
    c->wide.space = GMLP_PROPHOTO, c->base.space = GMLP_SRGB;
    c->wide.data = malloc((size_t)width * height * 6);
    c->base.data = malloc((size_t)width * height * 3);
    if (!c->wide.data || !c->base.data) return fail("bench", "out of memory");
    p = (uint16_t *)c->wide.data;
    for (size_t i = 0; i < (size_t)width * height; i++, p += 3) { /* greens of every shade */
        p[0] = (uint16_t)(i % 211 * 40);
        p[1] = (uint16_t)(20000 + i % 509 * 80);
        p[2] = (uint16_t)(i % 307 * 30);
    }
    gmlp_reduce(&c->wide, &c->base, NULL, NULL);
    return 0;
}

void colours_free(colours *c) {
    free(c->wide.data);
    free(c->base.data);
}

