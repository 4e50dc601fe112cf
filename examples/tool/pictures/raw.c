/* Camera raws, with LibRaw: what the sensor saw, developed in the usual way. The camera's white balance, daylight's
   where the file says none; AHD interpolation at full size; brightened until a hundredth of the pixels is white, which
   is where highlights end; upright; 16-bit ProPhoto. Raws that are TIFF files by their first bytes are found in
   tiff_pages.c. */
#include <stdlib.h>
#include <string.h>

#include "pictures/directory.h"
#include "pictures/formats.h"
#include "pictures/tiff_metadata.h"

/* A question mark stands for any byte. */
int is_camera_raw(const uint8_t *b, size_t size) {
    static const struct {
        size_t length;
        const char *magic;
    } known[] = {
        { 4, "IIRO" }, { 4, "IIRS" }, { 4, "MMOR" },                      /* Olympus */
        { 4, "IIU\0" },                                                  /* Panasonic, Leica */
        { 11, "II*\0\20\0\0\0CR\2" },                                    /* Canon CR2 */
        { 14, "II????HEAPCCDR" }, { 12, "????ftypcrx " },                 /* Canon CRW, CR3 */
        { 16, "II*\0????IIII?waR" }, { 15, "MM\0*????MMMMRaw" },          /* Phase One */
        { 15, "FUJIFILMCCD-RAW" }, { 4, "FOVb" }, { 4, "\0MRM" }          /* Fujifilm, Sigma, Minolta */
    };
    size_t i, k;
    for (i = 0; i < sizeof known / sizeof *known; i++) {
        const char *magic = known[i].magic;
        for (k = 0; k < known[i].length && k < size && (magic[k] == '?' || b[k] == (uint8_t)magic[k]); k++) {}
        if (k == known[i].length) return 1;
    }
    return 0;
}

#ifdef __has_include
#if __has_include(<libraw/libraw.h>)
#define RAW_FOUND
#endif
#endif

#ifndef RAW_FOUND

const char *const raw_missing = "camera raws (LibRaw)";

MISSING_READER(raw_load, "is a camera raw, and this build has no LibRaw to read it; make a 16-bit TIFF of it")

#else

#include <libraw/libraw.h>

const char *const raw_missing = NULL;

static int failed(int status, char reason[REASON]) {
    if (status == LIBRAW_SUCCESS) return 0;
    if (status == LIBRAW_FILE_UNSUPPORTED)
        snprintf(reason, REASON, "is a camera raw of a kind that LibRaw %s does not know; make a DNG or a 16-bit TIFF "
                                 "of it", libraw_version());
    else snprintf(reason, REASON, "camera raw: %.120s", libraw_strerror(status));
    return -1;
}

/* Instead of a line on stderr. */
static void count_damage(void *user, const char *file, const int offset) {
    (void)file;
    (void)offset;
    ++*(int *)user;
}

static void set_development(libraw_data_t *raw) {
    libraw_output_params_t *p = &raw->params;
    p->use_camera_wb = 1;
    p->output_color = 4; /* ProPhoto */
    p->output_bps = 16;
    p->gamm[0] = p->gamm[1] = 1; /* linear: its other curves end in a line of their own, not in ROMM's */
    p->user_qual = 3; /* AHD */
    p->adjust_maximum_thr = 0; /* the sensor's white, whatever the brightest pixel */
    /* Without the camera's white balance: not one that is guessed from the picture. */
#if LIBRAW_COMPILE_CHECK_VERSION_NOTLESS(0, 21)
    raw->rawparams.options |= LIBRAW_RAWOPTIONS_CAMERAWB_FALLBACK_TO_DAYLIGHT;
#else
    p->raw_processing_options |= LIBRAW_PROCESSING_CAMERAWB_FALLBACK_TO_DAYLIGHT;
#endif
}

/* Linear codes to those of ROMM. */
static int copy_pixels(const libraw_processed_image_t *developed, gmlp_image *image, char reason[REASON]) {
    const size_t channels = developed->colors, n = (size_t)developed->width * developed->height;
    uint16_t *romm, *to;
    size_t i, c;
    if (developed->type != LIBRAW_IMAGE_BITMAP || developed->bits != 16 || (channels != 1 && channels != 3) ||
        developed->data_size != n * channels * 2) {
        snprintf(reason, REASON, "camera raw: unexpected samples");
        return -1;
    }
    image->width = developed->width;
    image->height = developed->height;
    image->type = GMLP_U16;
    romm = (uint16_t *)malloc(65536 * sizeof *romm);
    if (!romm) snprintf(reason, REASON, "out of memory");
    if (!romm || image_allocate(image, reason)) {
        free(romm);
        return -1;
    }
    for (i = 0; i < 65536; i++)
        romm[i] = (uint16_t)(gmlp_curve_encode(GMLP_PROPHOTO, (double)i / 65535, 0) * 65535 + 0.5);
    to = (uint16_t *)image->data;
    for (i = 0; i < n; i++)
        for (c = 0; c < 3; c++) {
            uint16_t v;
            memcpy(&v, developed->data + (i * channels + (channels == 3 ? c : 0)) * 2, 2);
            to[3 * i + c] = romm[v];
        }
    free(romm);
    return 0;
}

int raw_load(const uint8_t *bytes, size_t size, gmlp_image *image, picture_facts *facts, char reason[REASON]) {
    libraw_data_t *raw = libraw_init(0);
    libraw_processed_image_t *developed = NULL;
    int damage = 0, status = LIBRAW_SUCCESS, bad;
    if (!raw) {
        snprintf(reason, REASON, "out of memory");
        return -1;
    }
    libraw_set_dataerror_handler(raw, count_damage, &damage);
    set_development(raw);
    bad = failed(libraw_open_buffer(raw, (void *)(uintptr_t)bytes, size), reason) ||
          image_in_proportion(raw->sizes.raw_width, raw->sizes.raw_height, size, reason) ||
          failed(libraw_unpack(raw), reason);
    if (!bad && damage) {
        snprintf(reason, REASON, "camera raw: damaged, or cut short");
        bad = 1;
    }
    bad = bad || failed(libraw_dcraw_process(raw), reason);
    if (!bad) {
        if (!(raw->color.cam_mul[0] > 0 && raw->color.cam_mul[2] > 0))
            picture_note(facts->notes, "it says no white balance; daylight's is taken");
        developed = libraw_dcraw_make_mem_image(raw, &status);
        bad = failed(developed ? LIBRAW_SUCCESS : status ? status : LIBRAW_UNSUFFICIENT_MEMORY, reason);
    }
    libraw_close(raw); /* gives memory back before there is more */
    bad = bad || copy_pixels(developed, image, reason);
    if (developed) libraw_dcraw_clear_mem(developed);
    facts->metadata |= PICTURE_HAS_EXIF;
    if (tiff_begins(bytes, size)) { /* as many raws do */
        const tiff_bytes f = tiff_bytes_of(bytes, size);
        tiff_keep_metadata(bytes, size, tiff_first_directory(&f), facts);
    }
    facts->space = GMLP_PROPHOTO;
    facts->said_by = SAID_BY_RAW;
    return bad ? -1 : 0;
}

#endif
