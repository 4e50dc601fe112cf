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

/* 1 if inputs are made up, and there are more of them than time; 0 if some are replayed. */
static int fuzzing;

/* libFuzzer calls this first. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    fuzzing = 1;
    return atexit(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/* libFuzzer is not built for MSan, which takes what it wrote for unwritten. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define WRITTEN(data, size) __msan_unpoison(data, size)
#endif
#endif
#ifndef WRITTEN
#define WRITTEN(data, size) (void)(data)
#endif

/* What it does to any bytes. */
static size_t mutate(uint8_t *data, size_t size, size_t most) {
    size = LLVMFuzzerMutate(data, size, most);
    WRITTEN(data, size);
    return size;
}

/* The target's own way to make an input of another one; the new size, up to most. */
static size_t change(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    WRITTEN(data, size);
    return change(data, size, most, seed);
}
