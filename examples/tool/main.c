#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "pictures/memory.h"
#include "pictures/picture.h"
#include "shell/apart.h"
#include "shell/files.h"
#include "shell/messages.h"
#include "work/device.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
    { "encode", cmd_encode, "wide-gamut picture in, sRGB JPEG or PNG out, with the network that undoes it" },
    { "decode", cmd_decode, "such a file in, the wide gamut out (PNG, TIFF, EXR, JPEG XL, AVIF)" },
    { "inspect", cmd_inspect, "what a file carries, and whether it is intact and belongs to these pixels" },
    { "compare", cmd_compare, "how far one picture is from another, in numbers and maps" },
    { "strip", cmd_strip, "the picture without the network" },
    { "extract", cmd_extract, "the network alone, as a side-car that decode finds beside the picture" },
    { "embed", cmd_embed, "such a network into the picture that it is of" },
    { "transcode", cmd_transcode, "such a file cropped, resized, turned, or as JPEG or PNG, and its network fits" },
    { "hdr-encode", cmd_hdr_encode,
      "SDR and HDR picture in, the SDR one out, with the network that gives the HDR one" },
    { "hdr-decode", cmd_hdr_decode, "such a file in, HDR out (EXR, PNG, TIFF, JPEG XL, AVIF, Ultra HDR)" },
    { "expand", cmd_expand, "no network in the file: an estimate of the wide gamut" },
    { "expand-train", cmd_expand_train, "the general network of expand, from your own pictures" },
    { "meta-train", cmd_meta_train, "a start for encode's training, from your own pictures" },
    { "bench", cmd_bench, "what all this gives and costs, measured on this machine" },
};
#define COUNT (sizeof commands / sizeof *commands)

static void print_version(void) {
    const int v = gmlp_version();
    const char *lacks;
    int i;
    printf("gamutmlp %d.%d.%d (%s%s)\n", v / 10000, v / 100 % 100, v % 100, gmlp_isa_name(GMLP_ISA_AUTO),
           device_is_built() ? ", CUDA" : "");
    for (i = 0; (lacks = picture_lacks(i)) != NULL; i++) printf("%s %s", i ? "," : "built without", lacks);
    if (i) printf("\n");
    printf("TIFF, EXR, HEIC, AVIF, JPEG XL and camera raws are each read %s\n", apart_means());
}

static void print_help(FILE *to) {
    size_t i;
    fprintf(to, "gamutmlp: wide gamut and HDR in an ordinary file, by a small network\n\nusage:\n");
    for (i = 0; i < COUNT; i++) fprintf(to, "  gamutmlp %-12s %s\n", commands[i].name, commands[i].about);
    fprintf(to, "\n'gamutmlp COMMAND --help' explains one and shows an example. The main jobs:\n"
                "  gamutmlp encode photo.tif photo.jpg     # opens everywhere\n"
                "  gamutmlp decode photo.jpg wide.tif      # 16 bit, the original's colours\n"
                "  gamutmlp hdr-encode sdr.jpg hdr.exr photo.jpg\n"
                "  gamutmlp hdr-decode photo.jpg hdr.exr\n");
}

/* That status, or 1 after a message if what was printed is lost. */
static int status_of_output(int status, const char *name) {
    return fflush(stdout) || ferror(stdout) ? fail(name, "standard output cannot be written") : status;
}

int main(int argc, char **argv) {
    size_t i;
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help(stdout);
        return status_of_output(0, argv[1]);
    }
    if (!strcmp(argv[1], "--version")) {
        print_version();
        return status_of_output(0, argv[1]);
    }
    files_guard();
    memory_guard(files_give_up);
    picture_read_apart();
    for (i = 0; i < COUNT; i++)
        if (!strcmp(argv[1], commands[i].name)) {
            const int status = commands[i].run(argc - 1, argv + 1);
            return status_of_output(status, argv[1]);
        }
    fprintf(stderr, "gamutmlp: unknown command '%s'\nTry 'gamutmlp --help'.\n", argv[1]);
    return 2;
}
