#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/pairs.h"
#include "bench/master.h"
#include "bench/pictures.h"
#include "gainmap/ultrahdr.h"
#include "measure/metrics.h"
#include "shell/files.h"
#include "shell/messages.h"

/* Which files. */

static int group_of(const char *tone_mapper) {
    static const char *const global[] = { "reinhard02", "drago03" }, *const local[] = { "mantiuk06", "fattal02",
                                                                                        "durand02" };
    for (size_t i = 0; i < sizeof global / sizeof *global; i++)
        if (!strcmp(tone_mapper, global[i])) return BENCH_GLOBAL;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (!strcmp(tone_mapper, local[i])) return BENCH_LOCAL;
    return BENCH_PAIRS;
}

static char *join(const char *folder, const char *name) {
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = (char *)malloc(size);
    if (path) snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* sdr, hdr: names in the folder; no hdr: an Ultra HDR file, no sdr: a scene. */
static int add(bench_pairs *l, const char *folder, const char *sdr, const char *hdr) {
    bench_pair *p = (bench_pair *)realloc(l->pair, (l->count + 1) * sizeof *p);
    if (!p) return fail("bench", "out of memory");
    l->pair = p;
    p += l->count++;
    memset(p, 0, sizeof *p);
    p->sdr = sdr ? join(folder, sdr) : NULL;
    p->hdr = hdr ? join(folder, hdr) : NULL;
    p->group = sdr ? BENCH_PHOTOGRAPHS : BENCH_MASTERS;
    bench_name(sdr ? sdr : hdr, p->name);
    if (sdr && hdr) {
        const char *mark = strstr(p->name, "_sdr_"); /* not in a very long name, which is cut */
        p->group = mark ? group_of(mark + strlen("_sdr_")) : BENCH_PAIRS;
    }
    return (p->sdr || !sdr) && (p->hdr || !hdr) ? 0 : fail("bench", "out of memory");
}

/* The length of NAME where a file's name is NAME, the mark and more, with one of two extensions; else 0. */
static size_t stem(const char *name, const char *mark, const char *extension, const char *other) {
    const char *at = strstr(name, mark);
    return at && (path_has_extension(name, extension) || path_has_extension(name, other)) ? (size_t)(at - name) : 0;
}

/* The last of the files that go with NAME, and how many there are. */
static const char *partner(struct dirent *const *entries, int count, const char *name, size_t length, const char *mark,
                           int *found) {
    const char *last = NULL;
    const int sdr = !strcmp(mark, "_sdr_");
    *found = 0;
    for (int i = 0; i < count; i++) {
        const char *other = entries[i]->d_name;
        if (stem(other, mark, "png", sdr ? "png" : "exr") != length || strncmp(other, name, length) != 0) continue;
        last = other;
        ++*found;
    }
    return last;
}

static int add_entry(bench_pairs *l, const char *folder, struct dirent *const *entries, int count, const char *name) {
    const size_t sdr = stem(name, "_sdr_", "png", "png"), hdr = stem(name, "_hdr_", "png", "exr");
    int found;
    if (sdr) {
        const char *other = partner(entries, count, name, sdr, "_hdr_", &found);
        if (found == 1) return add(l, folder, name, other);
        if (found)
            return fail("bench", "%s/%s: there are %d HDR pictures %.*s_hdr_*", folder, name, found, (int)sdr, name);
        return fail("bench", "%s/%s: there is no HDR picture %.*s_hdr_*.png or .exr", folder, name, (int)sdr, name);
    }
    if (hdr) {
        partner(entries, count, name, hdr, "_sdr_", &found);
        return found ? 0 : fail("bench", "%s/%s: there is no SDR picture %.*s_sdr_*.png", folder, name, (int)hdr, name);
    }
    if (path_has_extension(name, "exr")) return add(l, folder, NULL, name);
    return path_has_extension(name, "jpg") ? add(l, folder, name, NULL) : 0;
}

static int add_folder(bench_pairs *l, const char *folder) {
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, NULL, alphasort);
    int failed = 0;
    for (int i = 0; i < count && !failed; i++) failed = add_entry(l, folder, entries, count, entries[i]->d_name);
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
    return failed;
}

static int add_sub(bench_pairs *l, const char *folder, const char *sub) {
    char *path = join(folder, sub);
    const int failed = path ? add_folder(l, path) : fail("bench", "out of memory");
    free(path);
    return failed;
}

int bench_pairs_open(const bench *b, bench_pairs *l) {
    memset(l, 0, sizeof *l);
    if (add_sub(l, b->folder, "hdr_pairs") || add_sub(l, b->folder, "ultrahdr") || add_sub(l, b->folder, "scene"))
        return 1;
    if (!l->count && add_folder(l, b->folder)) return 1;
    if (!l->count)
        return fail(
            "bench",
            "%s: no pictures (NAME_hdr_*.png or .exr with NAME_sdr_*.png, *.jpg, other *.exr, or hdr_pairs/, ultrahdr/, scene/)",
            b->folder);
    for (size_t i = 0; i < l->count; i++) {
        bench_renditions r;
        const int failed = bench_renditions_load(b, &l->pair[i], &r);
        l->pair[i].pixels = (double)r.base.image.width * r.base.image.height;
        bench_renditions_free(&r);
        if (failed) return 1;
    }
    return 0;
}

void bench_pairs_free(bench_pairs *l) {
    for (size_t i = 0; i < l->count; i++) {
        free(l->pair[i].sdr);
        free(l->pair[i].hdr);
    }
    free(l->pair);
}

int bench_pairs_in(const bench_pair *p, int group) {
    return p->group == group || (group == BENCH_PAIRS && p->group != BENCH_PHOTOGRAPHS && p->group != BENCH_MASTERS);
}

/* One picture. */

static int set_signal(const bench *b, const char *path, const gmlp_image *hdr, bench_renditions *r) {
    const size_t n = 3 * (size_t)hdr->width * hdr->height;
    gmlp_image *out = &r->hdr;
    gmlp_convert_opts opts;
    gmlp_result result;
    float *v;
    memset(&opts, 0, sizeof opts);
    opts.threads = b->run;
    out->width = hdr->width;
    out->height = hdr->height;
    out->type = GMLP_F32;
    out->space = GMLP_REC2020_PQ;
    out->data = v = (float *)malloc(n * sizeof(float));
    result = v ? gmlp_convert(hdr, out, &opts) : GMLP_E_MEMORY;
    if (result) return fail("bench", "%s: %s", path, gmlp_result_string(result));
    for (size_t i = 0; i < n; i++) v[i] = v[i] > 0 ? fminf(v[i], 1) : 0; /* NaN to 0 */
    return 0;
}

static int load_photograph(const bench *b, const char *path, bench_renditions *r) {
    ultrahdr_picture p;
    char error[256];
    int failed;
    if (ultrahdr_read(path, INFINITY, &p, error)) return fail("bench", "%s", error);
    r->base = p.base;
    memset(&p.base, 0, sizeof p.base);
    failed = set_signal(b, path, &p.hdr, r);
    ultrahdr_free(&p);
    return failed;
}

static int load_scene(const bench *b, const char *path, bench_renditions *r) {
    char error[256];
    picture scene;
    int failed;
    if (picture_read(path, GMLP_SPACE_NONE, 0, &scene, error)) return fail("bench", "%s", error);
    failed = bench_master_make(b, path, &scene.image, r);
    picture_free(&scene);
    return failed;
}

static int load_pair(const bench *b, const bench_pair *p, bench_renditions *r) {
    const gmlp_image *base = &r->base.image;
    char error[256];
    picture hdr;
    int failed;
    if (picture_read(p->sdr, GMLP_SPACE_NONE, 0, &r->base, error) ||
        picture_read(p->hdr, GMLP_SPACE_NONE, 0, &hdr, error))
        return fail("bench", "%s", error);
    if (!metrics_is_hdr(&hdr.image))
        failed = fail("bench", "%s: is not HDR, but %s (%s)", p->hdr, gmlp_space_name(hdr.image.space), hdr.space_from);
    else if (hdr.image.width != base->width || hdr.image.height != base->height)
        failed = fail("bench", "%s has %u x %u pixels, %s %u x %u", p->sdr, (unsigned)base->width,
                      (unsigned)base->height, p->hdr, (unsigned)hdr.image.width, (unsigned)hdr.image.height);
    else failed = set_signal(b, p->hdr, &hdr.image, r);
    picture_free(&hdr);
    return failed;
}

int bench_renditions_load(const bench *b, const bench_pair *p, bench_renditions *r) {
    const gmlp_image *base = &r->base.image;
    memset(r, 0, sizeof *r);
    if (!p->sdr) return load_scene(b, p->hdr, r);
    if (p->hdr ? load_pair(b, p, r) : load_photograph(b, p->sdr, r)) return 1;
    if (base->type != GMLP_U8 || (base->space != GMLP_SRGB && base->space != GMLP_P3 && base->space != GMLP_REC709))
        return fail("bench", "%s: an SDR picture has 8 bits, in sRGB, P3 or Rec. 709", p->sdr);
    return 0;
}

void bench_renditions_free(bench_renditions *r) {
    picture_free(&r->base);
    free(r->hdr.data);
    memset(r, 0, sizeof *r);
}
