/* Parts of the bench that compare the library with what bounds it: copying memory, reading a JPEG. */
#ifndef BENCH_SPEED_H
#define BENCH_SPEED_H

#include <stdio.h>

#include "output.h"
#include "pool.h"

/* 0, or 1 after a message. table gets readable lines, j the numbers. */
int bench_convert(pool *workers, FILE *table, json *j);
int bench_file(pool *workers, FILE *table, json *j);

#endif
