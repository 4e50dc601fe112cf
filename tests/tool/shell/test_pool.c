/* The tool's thread pool: every index exactly once, whatever the count and the number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "shell/pool.h"

enum { MOST = 1000 };

typedef struct counts {
    unsigned char done[MOST];
    long sum;
} counts;

static void count_once(void *user, size_t index) {
    counts *c = (counts *)user;
    c->done[index]++;
    __atomic_add_fetch(&c->sum, (long)index, __ATOMIC_SEQ_CST);
}

static void runs(int threads, int times) {
    pool *p = pool_create(threads);
    gmlp_threads t;
    int i;
    assert_non_null(p);
    assert_int_equal(pool_size(p), threads ? threads : pool_processors());
    t = pool_threads(p);
    for (i = 0; i < times; i++) {
        const size_t count = (size_t)i * 7919 % MOST;
        counts c;
        size_t k;
        memset(&c, 0, sizeof c);
        t.parallel_for(t.user, count_once, &c, count);
        for (k = 0; k < MOST; k++) assert_int_equal(c.done[k], k < count);
        assert_int_equal(c.sum, (long)(count * (count - 1) / 2));
    }
    pool_free(p);
}

static void every_index_once(void **state) {
    (void)state;
    runs(0, 300);
    runs(1, 20);
    runs(2, 3000);
    runs(7, 300); /* more than there are processors: workers come too late and sleep */
}

static void short_runs_in_a_row(void **state) {
    pool *p = pool_create(3);
    const gmlp_threads t = pool_threads(p);
    counts c;
    long i;
    (void)state;
    memset(&c, 0, sizeof c);
    for (i = 0; i < 20000; i++) t.parallel_for(t.user, count_once, &c, 3);
    assert_int_equal(c.sum, 3 * 20000);
    pool_free(p);
}

static void none_and_unused(void **state) {
    pool *p = pool_create(2);
    const gmlp_threads t = pool_threads(p);
    (void)state;
    t.parallel_for(t.user, count_once, NULL, 0);
    pool_free(p);
    pool_free(pool_create(4));
    pool_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_once),
        cmocka_unit_test(short_runs_in_a_row),
        cmocka_unit_test(none_and_unused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
