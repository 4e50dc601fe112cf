#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/pictures.h"
#include "commands/commands.h"
#include "measure/drawing.h"
#include "pictures/picture.h"
#include "shell/args.h"
#include "shell/json.h"
#include "shell/messages.h"

/* The order is that of the words of --only, after "all". */
static int (*const sections[])(bench *b) = { bench_train,  bench_decode, bench_convert, bench_file,
                                             bench_engine, bench_encode, bench_rate,    bench_ideas };
#define SECTION_NAMES "all|train|decode|convert|file|engine|encode|rate|ideas"
enum { SECTIONS = sizeof sections / sizeof *sections, RATE = SECTIONS - 1, ENGINE = RATE - 2 };

/* "1200,9000" into counts; 0, or -1 where it is no such list. */
static int read_counts(const char *text, bench *b) {
    b->count = 0;
    for (;;) {
        char *end;
        const unsigned long n = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || n < 1 || n > 1000000 || b->count == BENCH_MAX_COUNTS) return -1;
        b->counts[b->count++] = (uint32_t)n;
        if (!*end) return 0;
        if (*end != ',') return -1;
        text = end + 1;
    }
}

static int by_count(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int run(bench *b, int only) {
    int status = 0;
    if (b->paper) return bench_paper(b);
    if (b->hdr) return bench_hdr(b);
    if (b->network) return bench_expand(b);
    for (int k = 0; k < SECTIONS && !status; k++)
        if (!only || only == k + 1) status = sections[k](b);
    return status;
}

/* names has room for argc. */
static int bench_command(int argc, char **argv, const char **names) {
    static const int subsamples[] = { PICTURE_444, PICTURE_422, PICTURE_420 };
    bench b;
    bench_list pictures;
    FILE *json_file;
    char *json_text = NULL;
    size_t json_size = 0;
    char error[256];
    int status, only = 0, found = 0;
    const char *counts = NULL;
    uint64_t threads = 0, quality = 0, iterations = 0, siren_steps = 4000;
    const args_option options[] = {
        { "--only", ARG_CHOICE, &only, SECTION_NAMES, "one part", 0, 0 },
        { "--plot", ARG_TEXT, &b.plot, "OUT", "draw part rate, --hdr or --expand, as .svg or .png", 0, 0 },
        { "--quality", ARG_INT, &quality, "Q", "base: a JPEG of this quality, decoded (a lossless base)", 1, 100 },
        { "--subsample", ARG_CHOICE, &b.subsample, "444|422|420", "chroma of that JPEG (444)", 0, 0 },
        { "--paper-iterations", ARG_TEXT, &counts, "N,N...", "of preset paper; the best of them counts (1200)", 0, 0 },
        { "--iterations", ARG_INT, &iterations, "N",
          "of the other presets, with --hdr of all, for a quick look (theirs); --expand: at most (50)", 1, 10000000 },
        { "--paper", ARG_FLAG, &b.paper, NULL, "the comparisons of the GamutMLP paper instead", 0, 0 },
        { "--start32", ARG_TEXT, &b.start[0], "BLOB", "with --paper: a network of preset paper to start from", 0, 0 },
        { "--start64", ARG_TEXT, &b.start[1], "BLOB", "likewise, 64 wide", 0, 0 },
        { "--siren-steps", ARG_INT, &siren_steps, "N", "with --paper: steps of 8192 samples (4000)", 1, 10000000 },
        { "--hdr", ARG_FLAG, &b.hdr, NULL, "HDR from SDR instead: networks and gain maps as JPEG", 0, 0 },
        { "--expand", ARG_TEXT, &b.network, "NETWORK",
          "a network of expand-train instead; FOLDER is a text file with a name a line", 0, 0 },
        { "--log", ARG_TEXT, &b.log, "FILE", "with --expand and --plot: what expand-train printed, drawn too", 0, 0 },
        { "--threads", ARG_INT, &threads, "N", "threads (one a processor)", 1, 256 },
        { "--json", ARG_FLAG, &b.json, NULL, "one JSON object on stdout, the tables on stderr", 0, 0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "bench", "FOLDER",
        "Measures on this machine, with the pictures of FOLDER (16-bit, read as ROMM; a folder with\n"
        "scene/*_prophoto.png and camera/*.CRW as well): what the presets give back, by bytes and seconds,\n"
        "beside clipping, a soft clip, preset paper and JPEG, with --quality both bases of a JPEG, too, at the same\n"
        "quality and the same size; the training step's share of the machine's\n"
        "multiply-add peak; the speed of decoding; what an engine asks of it (--only engine, which\n"
        "needs no FOLDER); and whole commands on 12 megapixels. Preset paper takes a quarter of a minute a picture;\n"
        "with 9000 iterations, minutes.\n"
        "With --hdr FOLDER has NAME_hdr_*.png or .exr with NAME_sdr_*.png, Ultra HDR photographs (*.jpg), and\n"
        "scenes (other *.exr), which become ACEScg masters with sRGB renditions; or these in hdr_pairs/, ultrahdr/\n"
        "and scene/.",
        "  gamutmlp bench photographs --plot rate.svg\n"
        "  gamutmlp bench photographs --only rate --quality 90 --subsample 420 --paper-iterations 1200,9000\n"
        "  gamutmlp bench --paper photographs\n"
        "  gamutmlp bench --hdr pairs --plot hdr.svg\n"
        "  gamutmlp bench --expand my.letnet held-out.txt\n"
        "  gamutmlp bench photographs --only train --json\n"
        "  gamutmlp bench --only engine",
        options, 0, &found
    };
    memset(&b, 0, sizeof b);
    b.subsample = -1;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    if (!found && only != ENGINE) return args_wrong(&command, "no folder given; usage: gamutmlp bench FOLDER");
    if (found > 1) return args_wrong(&command, "one name too many: '%s'", names[1]);
    if (b.hdr && (only || b.paper || quality || counts))
        return args_wrong(&command, "--hdr goes without --only, --paper, --quality and --paper-iterations");
    if (b.network && (only || b.paper || b.hdr || counts))
        return args_wrong(&command, "--expand goes without --only, --paper, --hdr and --paper-iterations");
    if (b.network && iterations > GMLP_LETNET_MAX_ITERATIONS)
        return args_wrong(&command, "--expand takes --iterations from 1 to %d", GMLP_LETNET_MAX_ITERATIONS);
    if (b.log && (!b.network || !b.plot)) return args_wrong(&command, "--log goes with --expand and --plot");
    if (!counts) counts = "1200";
    if (read_counts(counts, &b))
        return args_wrong(&command,
                          "--paper-iterations takes up to %d whole numbers from 1 to 1000000 with commas, not '%s'",
                          BENCH_MAX_COUNTS, counts);
    if (b.subsample >= 0 && !quality) return args_wrong(&command, "--subsample is for a JPEG base; give --quality too");
    if (b.paper && (only || b.plot)) return args_wrong(&command, "--paper goes without --only and --plot");
    if (!b.paper && (b.start[0] || b.start[1])) return args_wrong(&command, "--start32 and --start64 go with --paper");
    if (b.plot && only && only != RATE) return args_wrong(&command, "--plot draws part rate");
    if (b.plot && !drawing_has_name(b.plot))
        return args_wrong(&command, "--plot %s: plots end in .svg or .png", b.plot);
    qsort(b.counts, b.count, sizeof *b.counts, by_count);
    b.subsample = b.subsample > 0 ? subsamples[b.subsample] : PICTURE_444;
    b.quality = (int)quality;
    b.iterations = (uint32_t)iterations;
    b.siren_steps = (uint32_t)siren_steps;
    b.folder = found ? names[0] : NULL;
    if (b.folder && !only && !b.hdr && !b.network) { /* the last part needs them, after minutes */
        status = bench_list_open(&pictures, b.folder);
        bench_list_free(&pictures);
        if (status) return status;
    }
    if (b.plot && output_check(b.plot, error)) return fail("bench", "%s", error); /* drawn after minutes */
    b.workers = pool_create((int)threads);
    if (!b.workers) return fail("bench", "out of memory");
    b.run = pool_threads(b.workers);
    b.table = b.json ? stderr : stdout;
    json_file = open_memstream(&json_text, &json_size); /* a failure prints no half object */
    if (!json_file) return fail("bench", "out of memory");
    json_begin(&b.j, json_file);
    status = run(&b, only);
    json_end(&b.j);
    if (fclose(json_file) && !status) status = fail("bench", "out of memory");
    if (b.json && !status) fwrite(json_text, 1, json_size, stdout);
    free(json_text);
    pool_free(b.workers);
    return status;
}

int cmd_bench(int argc, char **argv) {
    const char **names = (const char **)calloc((size_t)argc, sizeof *names);
    const int status = names ? bench_command(argc, argv, names) : fail("bench", "out of memory");
    free(names);
    return status;
}
