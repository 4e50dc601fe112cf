/* Training starts thousands of small runs a second, so a run must cost a microsecond or two: idle
   workers watch an atomic word for a short while before they sleep, and nobody waits for a
   worker that came too late to find work. Every thread begins with a share of the indices that
   is its own in every run, so that what a job wrote is still in that processor's cache when
   the next run's job of that index reads it; who is done early helps the others. */
#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>
#endif
#define _POSIX_C_SOURCE 200809L
#include "shell/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define SPINS 4000 /* between 20 and 200 microseconds, by how long the processor's pause is */
#define CLOSED 0xffffffffu

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)
#define ADD(x, v) __atomic_add_fetch(&(x), v, __ATOMIC_SEQ_CST)

/* One thread's share of a run. */
typedef struct share {
    /* High half: number of the run. Low half: next index to take; CLOSED while the job is replaced.
       Taking an index is a compare-and-swap on the whole word, so it fails for a worker that
       read the job of an earlier run. */
    uint64_t ticket;
    char apart[56]; /* shares lie on cache lines of their own */
} share;

struct pool {
    void (*job)(void *ctx, size_t index);
    void *ctx;
    size_t count;
    uint32_t number; /* of the run */
    share *shares;   /* workers + 1, the caller's first */
    char apart[64];  /* what all write, away from what all read */
    size_t done;
    int sleepers, waiting, quit, started;
    pthread_mutex_t mutex;
    pthread_cond_t work, finished;
    int workers;
    pthread_t *threads;
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* Where share i of count indices ends. */
static size_t share_end(pool *p, int i, size_t count) {
    return count * (size_t)(i + 1) / ((size_t)LOAD(p->workers) + 1);
}

/* Does what is left of a share; returns 0 if there was nothing. */
static int take(pool *p, int i) {
    uint64_t *at = &p->shares[i].ticket;
    int any = 0;
    for (;;) {
        uint64_t ticket = LOAD(*at);
        void (*job)(void *, size_t) = LOAD(p->job);
        void *ctx = LOAD(p->ctx);
        size_t count = LOAD(p->count), index = (size_t)(ticket & 0xffffffffu);
        if (index == CLOSED || index >= share_end(p, i, count)) return any;
        if (!__atomic_compare_exchange_n(at, &ticket, ticket + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) continue;
        job(ctx, index);
        any = 1;
        if (ADD(p->done, 1) == count && LOAD(p->waiting)) {
            pthread_mutex_lock(&p->mutex);
            pthread_cond_signal(&p->finished);
            pthread_mutex_unlock(&p->mutex);
        }
    }
}

/* The shares in turn, from one's own on; nothing before one's own is open. */
static int take_all(pool *p, int own) {
    const int all = LOAD(p->workers) + 1;
    int i, any = 0;
    if ((LOAD(p->shares[own].ticket) & 0xffffffffu) == CLOSED) return 0;
    for (i = 0; i < all; i++) any |= take(p, (own + i) % all);
    return any;
}

static int work_left(pool *p) {
    const int all = LOAD(p->workers) + 1;
    int i;
    for (i = 0; i < all; i++) {
        const uint64_t index = LOAD(p->shares[i].ticket) & 0xffffffffu;
        if (index != CLOSED && index < share_end(p, i, LOAD(p->count))) return 1;
    }
    return 0;
}

static void *worker(void *user) {
    pool *p = (pool *)user;
    const int own = ADD(p->started, 1);
    int spins = 0;
    while (!LOAD(p->quit)) {
        if (take_all(p, own)) spins = 0;
        else if (spins++ < SPINS) relax();
        else {
            spins = 0;
            pthread_mutex_lock(&p->mutex);
            ADD(p->sleepers, 1);
            while (!work_left(p) && !LOAD(p->quit)) pthread_cond_wait(&p->work, &p->mutex);
            ADD(p->sleepers, -1);
            pthread_mutex_unlock(&p->mutex);
        }
    }
    return NULL;
}

static void wake(pool *p) {
    if (!LOAD(p->sleepers)) return;
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
}

static void run(void *user, void (*job)(void *ctx, size_t index), void *ctx, size_t count) {
    pool *p = (pool *)user;
    const uint64_t number = (uint64_t)++p->number << 32;
    size_t i;
    int spins = 0, k;
    if (!p->workers || count < 2 || count >= CLOSED) {
        for (i = 0; i < count; i++) job(ctx, i);
        return;
    }
    for (k = 0; k <= p->workers; k++) STORE(p->shares[k].ticket, number | CLOSED);
    STORE(p->job, job);
    STORE(p->ctx, ctx);
    STORE(p->count, count);
    STORE(p->done, (size_t)0);
    for (k = 0; k <= p->workers; k++) STORE(p->shares[k].ticket, number | (k ? share_end(p, k - 1, count) : 0));
    wake(p);
    take_all(p, 0);
    while (LOAD(p->done) < count && spins++ < SPINS) relax();
    if (LOAD(p->done) == count) return;
    pthread_mutex_lock(&p->mutex);
    STORE(p->waiting, 1);
    while (LOAD(p->done) < count) pthread_cond_wait(&p->finished, &p->mutex);
    STORE(p->waiting, 0);
    pthread_mutex_unlock(&p->mutex);
}

int pool_processors(void) {
    long n;
#ifdef __linux__
    cpu_set_t set; /* fewer than are online under taskset or in a container */
    if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
#endif
    n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

pool *pool_create(int threads) {
    pool *p = (pool *)calloc(1, sizeof *p);
    int n = 0;
    if (!p) return NULL;
    if (threads <= 0) threads = pool_processors();
    p->threads = (pthread_t *)calloc((size_t)threads, sizeof *p->threads);
    p->shares = (share *)calloc((size_t)threads, sizeof *p->shares);
    if (!p->threads || !p->shares) {
        free(p->threads);
        free(p->shares);
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, NULL);
    while (n < threads - 1 && !pthread_create(&p->threads[n], NULL, worker, p)) n++;
    STORE(p->workers, n); /* before this no worker finds anything to do */
    return p;
}

void pool_free(pool *p) {
    int i;
    if (!p) return;
    pthread_mutex_lock(&p->mutex);
    STORE(p->quit, 1);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
    for (i = 0; i < p->workers; i++) pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->mutex);
    free(p->threads);
    free(p->shares);
    free(p);
}

int pool_size(const pool *p) { return p->workers + 1; }

gmlp_threads pool_threads(pool *p) {
    gmlp_threads t;
    t.user = p;
    t.parallel_for = run;
    return t;
}
