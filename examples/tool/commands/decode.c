#include <string.h>

#include "commands/commands.h"
#include "pictures/picture.h"
#include "shell/files.h"
#include "work/restoring.h"

static int decode(restoring *r) {
    int status = restoring_open(r, 0);
    if (status) return status;
    if (!r->to) r->to = r->file.net.wide_space;
    if (path_has_extension(r->out, "exr")) r->to = picture_linear_space(r->to);
    status = restoring_write(r);
    if (!status) restoring_report(r);
    return status;
}

int cmd_decode(int argc, char **argv) {
    restoring r;
    int depth = -1, base = 0;
    const args_option options[] = {
        { "--to", ARG_SPACE, &r.to, "SPACE", "colour space of OUT (the original's)", 0, 0 },
        { "--depth", ARG_CHOICE, &depth, DEPTHS, "samples of OUT (16; EXR: half; AVIF: 10)", 0, 0 },
        { "--base", ARG_CHOICE, &base, "auto|srgb|sycc",
          "what IN holds that carries no network, and is converted as it is (auto: that is an error)", 0, 0 },
        RESTORING_OPTIONS(r),
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "decode", "IN OUT.{png,tif,exr,jxl,avif}",
        "Gives back the wide gamut of IN, a JPEG, PNG or KTX2 that 'gamutmlp encode' made. PNG and TIFF carry\n"
        "the colour space's ICC profile; JPEG XL and AVIF, both lossless, its code points, or the profile\n"
        "where it has none; EXR is written in the linear form of the space. In P3 or Rec.2020 a browser\n"
        "shows an AVIF's colours at once. TIFF and PNG have IN's EXIF, IPTC and XMP, and their pixels lie as\n"
        "IN stores them, with its orientation tag; JPEG XL and AVIF have EXIF and XMP and, like EXR, are\n"
        "turned upright. A PNG's alpha comes through, straight but in EXR, whose colours are multiplied by\n"
        "it; its texts go into a PNG.",
        "  gamutmlp decode photo.jpg wide.tif\n"
        "  gamutmlp decode photo.jpg wide.avif --to p3\n"
        "  gamutmlp decode photo.jpg part.exr --crop 100,200,640,480 --to acescg",
        options, 2, NULL
    };
    const char *names[2];
    int status;
    memset(&r, 0, sizeof r);
    r.command = &command;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    files_forced(r.force);
    r.base = base == 0 ? GMLP_SPACE_NONE : base == 1 ? GMLP_SRGB : GMLP_SYCC;
    r.in = names[0];
    r.out = names[1];
    if (!restoring_has_name(&r))
        return args_wrong(&command, "%s: the output's name must end in " RESTORING_NAMES, r.out);
    restoring_depth(&r, depth, path_has_extension(r.out, "exr") ? GMLP_F16 : GMLP_U16);
    status = restoring_check(&r);
    if (status == ARGS_GO_ON) status = decode(&r);
    restoring_free(&r);
    return status;
}
