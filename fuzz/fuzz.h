/* What the fuzz targets have in common. A target names the kinds of input that it must get into (enum ..., KINDS, and
   kinds[KINDS]) before it includes this, and counts them: a target whose inputs are all refused tests nothing. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x) do { if (!(x)) abort(); } while (0)

static unsigned long reached[KINDS];

/* Prints the counts; 0 if there is a kind that no input was of. */
int fuzz_report(void);
int fuzz_report(void) {
    int i, all = 1;
    for (i = 0; i < KINDS; i++) {
        fprintf(stderr, "%s%s %lu", i ? ", " : "reached: ", kinds[i], reached[i]);
        if (!reached[i]) all = 0;
    }
    fprintf(stderr, "\n");
    return all;
}

static void report(void) { fuzz_report(); }

/* libFuzzer calls this first. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    return atexit(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
