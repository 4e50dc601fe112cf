/* Replays files, and the files of folders, through one fuzz target: for compilers without libFuzzer, for
   AFL++ (target @@), and for the regression tests. Fails if there was nothing to replay, and with a folder if its files
   do not get into all that the target tests. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int fuzz_report(void);

/* Only libFuzzer mutates; the targets' mutators want to be linked all the same. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) {
    (void)data, (void)most;
    return size;
}

static int replay(const char *name) {
    FILE *f = fopen(name, "rb");
    uint8_t *p = NULL;
    size_t n = 0, got;
    if (!f) {
        fprintf(stderr, "%s: can not be opened\n", name);
        return -1;
    }
    do {
        uint8_t *more = (uint8_t *)realloc(p, n + 65536);
        if (!more) abort();
        p = more;
        got = fread(p + n, 1, 65536, f);
        n += got;
    } while (got);
    fclose(f);
    p = (uint8_t *)realloc(p, n ? n : 1); /* so that a sanitizer sees reads past the end */
    if (!p) abort();
    LLVMFuzzerTestOneInput(p, n);
    free(p);
    return 1;
}

int main(int argc, char **argv) {
    int i, r, count = 0, folders = 0;
    for (i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;
        if (!folder) {
            r = replay(argv[i]);
            if (r < 0) return 1;
            count += r;
            continue;
        }
        folders++;
        while ((entry = readdir(folder)) != NULL) {
            char name[4096];
            if (entry->d_name[0] == '.') continue;
            snprintf(name, sizeof name, "%s/%s", argv[i], entry->d_name);
            r = replay(name);
            if (r < 0) return 1;
            count += r;
        }
        closedir(folder);
    }
    printf("%d inputs\n", count);
    if (!fuzz_report() && folders) {
        fprintf(stderr, "these inputs do not get into all of it\n");
        return 1;
    }
    return count == 0;
}
