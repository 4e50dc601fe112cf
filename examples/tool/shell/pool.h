/* Worker threads behind the library's gmlp_threads hook. */
#ifndef POOL_H
#define POOL_H

#include "gamutmlp.h"

typedef struct pool pool;

/* Processors that this process may run on, at least 1. */
int pool_processors(void);

/* A pool in which threads threads work, the caller's among them; 0: pool_processors(). Where the
   system refuses a thread the pool is smaller. NULL when out of memory. */
pool *pool_create(int threads);
void pool_free(pool *p);
int pool_size(const pool *p);

/* One run at a time: jobs do not start runs, and one thread calls. */
gmlp_threads pool_threads(pool *p);

#endif
