/* Libraries in a process of their own. What readers found comes back in pieces, none of which is believed, as a hostile
   file may speak by now. */
#include <stdlib.h>
#include <string.h>

#include "pictures/formats.h"
#include "shell/apart.h"
#include "shell/pool.h"

typedef struct apart_reading {
    picture_load *load;
    const uint8_t *bytes;
    size_t size;
    uint8_t **spare;
    gmlp_image *image;
    picture_facts *facts;
    char *reason;
    int bad, told; /* what load said; the reason is there */
} apart_reading;

/* Pointers in it mean nothing to the other process, but for whether they are NULL. */
typedef struct found {
    int bad;
    char reason[REASON];
    gmlp_image image;
    picture_facts facts;
} found;

static size_t bytes_of(const gmlp_image *image) {
    return (size_t)image->width * image->height * gmlp_pixel_size(image->type, 3);
}

/* The most bytes of pixels that readers make of a file, EXR's DWA of so many bytes: see largest_ratio in exr.c. */
static uint64_t picture_most(size_t size) { return ((uint64_t)256 << 20) + (uint64_t)size * 40000 * 3; }

/* The kinds of metadata that are not of JPEG or PNG alone; what a file says of its resolution counts more than EXIF. */
enum { SENT = 4 };
static const int sent[SENT] = { METADATA_RESOLUTION, METADATA_EXIF, METADATA_IPTC, METADATA_XMP };

static int read_there(void *user, apart_link *to) {
    apart_reading *r = (apart_reading *)user;
    found f;
    int k;
    memset(&f, 0, sizeof f);
    f.bad = r->load(r->bytes, r->size, r->image, r->facts, r->reason);
    memcpy(f.reason, r->reason, REASON);
    f.image = *r->image;
    f.facts = *r->facts;
    if (apart_send(to, &f, sizeof f)) return -1;
    if (f.bad) return 0;
    for (k = 0; k < SENT; k++) {
        const metadata_block *b = &f.facts.carried.blocks[sent[k]];
        if (b->bytes && apart_send(to, b->bytes, b->size)) return -1;
    }
    if (f.facts.icc && apart_send(to, f.facts.icc, f.facts.icc_size)) return -1;
    if (f.facts.alpha && apart_send(to, f.facts.alpha, (size_t)f.image.width * f.image.height)) return -1;
    return apart_send_away(to, f.image.data, bytes_of(&f.image));
}

static int take(apart_link *from, uint8_t **bytes, size_t size, size_t most) {
    if (!size || size > most) return -1;
    *bytes = (uint8_t *)malloc(size);
    return !*bytes || apart_receive(from, *bytes, size) ? -1 : 0;
}

/* Looked at as if it had been found here. */
static int take_metadata(apart_link *from, int kind, size_t size, picture_facts *facts) {
    uint8_t *bytes = NULL;
    picture_resolution r;
    const int bad = take(from, &bytes, size, METADATA_MOST);
    if (!bad && kind != METADATA_RESOLUTION) picture_keep_metadata(facts, kind, bytes, size);
    else if (!bad && size == sizeof r) {
        memcpy(&r, bytes, sizeof r);
        picture_keep_resolution(facts, r.x, r.y, 1);
    }
    free(bytes);
    return bad;
}

/* Texts end, and hold nothing that a terminal would obey. */
static void be_text(char *text, size_t room, int lines) {
    char *end;
    text[room - 1] = 0;
    if (!lines) plain_text(text);
    for (; lines && *text; text = end + (*end != 0)) {
        const char last = *(end = text + strcspn(text, "\n"));
        *end = 0;
        plain_text(text);
        *end = last;
    }
}

/* Is it a space, or none? */
static int may_be(int space) { return !space || gmlp_space_name(space) != NULL; }

/* What is no pointer, and can be. */
static int take_said(const picture_facts *said, picture_facts *facts) {
    *facts = *said;
    facts->icc = facts->alpha = NULL;
    memset(&facts->carried, 0, sizeof facts->carried);
    be_text(facts->icc_fault, sizeof facts->icc_fault, 0);
    be_text(facts->notes, sizeof facts->notes, 1);
    be_text(facts->left, sizeof facts->left, 1);
    return may_be(said->space) && (said->exif_space == EXIF_OTHER_SPACE || may_be(said->exif_space)) &&
                   said->orientation >= 0 && said->orientation <= 65535 && said->said_by >= 0 &&
                   said->said_by < SAID_BY_COUNT ? 0 : -1;
}

static int take_answer(void *user, apart_link *from) {
    apart_reading *r = (apart_reading *)user;
    found f;
    int k;
    if (r->spare) { /* which the other process has now */
        free(*r->spare);
        *r->spare = NULL;
    }
    if (apart_receive(from, &f, sizeof f)) return -1;
    if (f.bad) {
        be_text(f.reason, sizeof f.reason, 0);
        memcpy(r->reason, f.reason, REASON);
        r->bad = r->told = 1;
        return 0;
    }
    if (f.image.type < GMLP_U8 || f.image.type > GMLP_F32 || take_said(&f.facts, r->facts)) return -1;
    if (bytes_of(&f.image) > picture_most(r->size)) return -1;
    for (k = 0; k < SENT; k++) {
        const metadata_block *b = &f.facts.carried.blocks[sent[k]];
        if (b->bytes && take_metadata(from, sent[k], b->size, r->facts)) return -1;
    }
    if (f.facts.icc && take(from, &r->facts->icc, f.facts.icc_size, PROFILE_MOST)) return -1;
    r->image->width = f.image.width;
    r->image->height = f.image.height;
    r->image->type = f.image.type;
    if (image_allocate(r->image, r->reason) || (f.facts.alpha && alpha_allocate(r->facts, r->image, r->reason)))
        return r->told = 1, -1;
    return (f.facts.alpha && apart_receive(from, r->facts->alpha, (size_t)f.image.width * f.image.height)) ||
           apart_receive(from, r->image->data, bytes_of(r->image)) ? -1 : 0;
}

apart_bounds reading_bounds(size_t size) {
    apart_bounds b;
    /* a picture's worth of pixels, at 128 bytes each, and what threads take */
    b.memory = ((uint64_t)1 << 30) + pixels_in_proportion(size) * 128 + ((uint64_t)pool_processors() << 25);
    b.seconds = 60 + (unsigned)(size >> 20) * 20; /* 100 megapixels of AVIF or of a raw take 10 to 30 */
    b.idle = 60;
    return b;
}

int load_apart(picture_load *load, void (*prepare)(void), const char *kind, const apart_bounds *bounds,
               const uint8_t *bytes, size_t size, uint8_t **spare, gmlp_image *image, picture_facts *facts,
               char reason[REASON]) {
    apart_reading r;
    char why[APART_WHY];
    apart_job a;
    int status;
    memset(&r, 0, sizeof r);
    r.load = load;
    r.bytes = bytes;
    r.size = size;
    r.spare = spare;
    r.image = image;
    r.facts = facts;
    r.reason = reason;
    a.prepare = prepare;
    a.work = read_there;
    a.answer = take_answer;
    a.user = &r;
    a.bounds = *bounds;
    status = apart_run(&a, why);
    if (status && !r.told) snprintf(reason, REASON, "the library that reads %s %s", kind, why);
    return status || r.bad ? -1 : 0;
}

typedef struct apart_writing {
    picture_make *make;
    void *user;
    FILE *file;
    char *reason;
    int bad, told;
} apart_writing;

typedef struct made {
    int bad;
    char reason[REASON];
    uint64_t size;
} made;

static int make_there(void *user, apart_link *to) {
    apart_writing *w = (apart_writing *)user;
    uint8_t *bytes = NULL;
    size_t size = 0;
    made m;
    memset(&m, 0, sizeof m);
    m.bad = w->make(w->user, &bytes, &size, m.reason);
    m.size = size;
    return apart_send(to, &m, sizeof m) || (!m.bad && apart_send(to, bytes, size)) ? -1 : 0;
}

/* It goes on into the file as it comes. */
static int take_file(void *user, apart_link *from) {
    apart_writing *w = (apart_writing *)user;
    uint8_t part[1 << 16];
    made m;
    size_t n;
    if (apart_receive(from, &m, sizeof m)) return -1;
    if (m.bad) {
        be_text(m.reason, sizeof m.reason, 0);
        memcpy(w->reason, m.reason, REASON);
        w->bad = w->told = 1;
        return 0;
    }
    for (; m.size; m.size -= n) {
        n = m.size < sizeof part ? (size_t)m.size : sizeof part;
        if (apart_receive(from, part, n)) return -1;
        if (fwrite(part, 1, n, w->file) == n) continue;
        write_reason(w->reason);
        return w->told = 1, -1;
    }
    return 0;
}

static int save_here(picture_make *make, void *user, FILE *file, char reason[REASON]) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    int bad = make(user, &bytes, &size, reason);
    if (!bad && fwrite(bytes, 1, size, file) != size) {
        write_reason(reason);
        bad = -1;
    }
    free(bytes);
    return bad;
}

int save_apart(picture_make *make, void *user, const char *kind, uint64_t pixels, FILE *file, char reason[REASON]) {
    apart_writing w;
    apart_job a;
    char why[APART_WHY];
    int status;
    memset(&w, 0, sizeof w);
    w.make = make;
    w.user = user;
    w.file = file;
    w.reason = reason;
    a.prepare = NULL;
    a.work = make_there;
    a.answer = take_file;
    a.user = &w;
    a.bounds.memory = UINT64_MAX; /* what the machine has: the pixels are ours */
    a.bounds.seconds = 600 + (unsigned)(pixels >> 20) * 60;
    a.bounds.idle = 60;
    status = apart_run(&a, why);
    if (status > 0) return save_here(make, user, file, reason); /* the pixels are no stranger's */
    if (status && !w.told) snprintf(reason, REASON, "the library that writes %s %s", kind, why);
    return status || w.bad ? -1 : 0;
}
