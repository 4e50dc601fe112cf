#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench.h"
#include "pictures/picture.h"
#include "shell/json.h"
#include "shell/messages.h"
#include "shell/progress.h"

/* Whole commands on a 12-megapixel picture, as child processes. */

/* Runs this program and finds numbers in its JSON. 0 or -1. */
static int child(const char *arguments, const char *const *keys, double *values, int count) {
    char self[2048], command[8192], text[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    size_t size;
    FILE *pipe;
    if (length < 0) return -1;
    self[length] = 0;
    snprintf(command, sizeof command, "'%s' %s", self, arguments);
    pipe = popen(command, "r");
    if (!pipe) return -1;
    size = fread(text, 1, sizeof text - 1, pipe);
    text[size] = 0;
    if (pclose(pipe)) return -1;
    for (int i = 0; i < count; i++) {
        char key[64];
        const char *at;
        snprintf(key, sizeof key, "\"%s\": ", keys[i]);
        at = strstr(text, key);
        if (!at) return -1;
        values[i] = strtod(at + strlen(key), NULL);
    }
    return 0;
}

int bench_encode(bench *b) {
    static const char *const encode_keys[2] = { "train_seconds", "total_seconds" }, *const decode_keys[2] = {
        "seconds", "peak_rss_bytes"
    };
    char folder[] = "/tmp/gamutmlp-bench-XXXXXX", png[64], jpg[64], out[64], arguments[512], error[256];
    double encode[2] = { 0, 0 }, decode[2] = { 0, 0 }, files, rest;
    picture p;
    picture_write_opts write;
    struct stat jpg_stat;
    gmlp_image base;
    colours c;
    int status = -1;
    if (!mkdtemp(folder)) return fail("bench", "no temporary folder");
    snprintf(png, sizeof png, "%s/wide.png", folder);
    snprintf(jpg, sizeof jpg, "%s/base.jpg", folder);
    snprintf(out, sizeof out, "%s/out.png", folder);
    memset(&p, 0, sizeof p);
    memset(&write, 0, sizeof write);
    if (!colours_make(&c, 4000, 3000)) {
        /* a quarter of the rows saturated, the rest grey; noise, as photographs have it */
        uint16_t *w = (uint16_t *)c.wide.data;
        uint32_t noise = 1;
        for (size_t i = 0; i < (size_t)4000 * 3000; i++, w += 3) {
            noise = noise * 1664525u + 1013904223u;
            if (i / 4000 % 400 >= 100) w[0] = w[1] = w[2] = (uint16_t)(20000 + i % 4000 * 8);
            for (int k = 0; k < 3; k++) w[k] = (uint16_t)(w[k] + (noise >> (8 * k) & 255));
        }
        snprintf(arguments, sizeof arguments, "encode '%s' '%s' --from prophoto --json --threads %d", png, jpg,
                 pool_size(b->workers));
        status = picture_write(png, &c.wide, NULL, error);
        if (!status) status = child(arguments, encode_keys, encode, 2);
        /* what the same libraries take to read the one file and to write the other */
        base = c.base;
        files = seconds_now();
        if (!status) status = picture_read(png, GMLP_PROPHOTO, 0, &p, error);
        if (!status) {
            uint8_t *bytes = NULL;
            size_t size;
            status = picture_encode_memory(GMLP_CONTAINER_JPEG, &base, &write, &bytes, &size, error);
            free(bytes);
        }
        files = seconds_now() - files;
        rest = encode[1] - encode[0];
        snprintf(arguments, sizeof arguments, "decode '%s' '%s' --json --threads %d", jpg, out, pool_size(b->workers));
        if (!status) status = child(arguments, decode_keys, decode, 2);
        if (!status && !stat(jpg, &jpg_stat)) {
            fprintf(
                b->table,
                "encode, 12 megapixels, PNG to JPEG: training %.2f s, the rest %.2f s; reading and writing the files alone %.2f s (%.1f times)\n",
                encode[0], rest, files, rest / files);
            fprintf(
                b->table,
                "decode, 12 megapixels, JPEG to PNG, by rows: %.2f s, peak memory %.1f MB, %.1f beside the file's bytes\n",
                decode[0], decode[1] / 1048576, (decode[1] - (double)jpg_stat.st_size) / 1048576);
            json_number(&b->j, "encode_train_seconds", encode[0]);
            json_number(&b->j, "encode_rest_over_files", rest / files);
            json_number(&b->j, "decode_peak_rss_beside_file_bytes", decode[1] - (double)jpg_stat.st_size);
        }
    }
    picture_free(&p);
    colours_free(&c);
    unlink(png);
    unlink(jpg);
    unlink(out);
    rmdir(folder);
    return status ? fail("bench", "the 12-megapixel run failed") : 0;
}
