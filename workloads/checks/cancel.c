/* Cancellation of threads: malloc and free are not cancellation points. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 3, STEPS = 20000, HELD = 32 };

struct cancelled {
    struct check_run *c;
    unsigned nth;
    atomic_size_t steps; /* relaxed: read after pthread_join */
};

/* With a cancellation pending all the time. */
static void *stay(void *arg) {
    struct cancelled *t = arg;
    void *block[HELD]   = {NULL};
    pthread_cancel(pthread_self());
    for (size_t i = 0; i < STEPS && !check_failed(t->c); i++) {
        const uint64_t random = contents_mix(t->c->seed + i + ((uint64_t)t->nth << 32));
        const size_t size     = 1 + (random >> 8) % (i % 50 ? 4000 : 2000000);
        t->c->a->free(block[random % HELD]);
        block[random % HELD] = t->c->a->malloc(size);
        if (!check_that(t->c, block[random % HELD] != NULL, "a block", "malloc(%zu) gave NULL",
                        size))
            break;
        atomic_store_explicit(&t->steps, i + 1, memory_order_relaxed);
    }
    for (size_t i = 0; i < HELD; i++)
        t->c->a->free(block[i]);
    pthread_testcancel();
    return NULL;
}

/* Runs so many threads at once. */
static bool all_stay(struct check_run *c, unsigned threads) {
    pthread_t thread[THREADS];
    struct cancelled t[THREADS];
    unsigned made = 0;
    for (; made < threads; made++) {
        t[made] = (struct cancelled){c, made, 0};
        if (pthread_create(&thread[made], NULL, stay, &t[made]) != 0)
            break;
    }
    for (unsigned i = 0; i < made; i++) /* they use what is on this stack */
        pthread_join(thread[i], NULL);
    if (made < threads)
        check_unsupported(c, "no thread can be created");
    for (unsigned i = 0; i < made; i++) {
        const size_t steps = atomic_load_explicit(&t[i].steps, memory_order_relaxed);
        check_that(c, steps == STEPS, "no effect before a cancellation point",
                   "a thread was cancelled in its call %zu of malloc", steps + 1);
    }
    return c->verdict == CHECK_PASS;
}

/* First alone, with the allocator's first call of all: a thread that ends with a lock held would
 * stop the others. */
CHECK(no_point, .name = "cancel.no_point", .kind = CHECK_REQUIRED, .profiles = PROFILES_POSIX,
      .clause  = "POSIX.1-2024 XSH 2.9.5.2: no cancellation points in any other functions",
      .summary = "a thread whose cancellation is pending is not cancelled in malloc and free") {
    if (all_stay(c, 1))
        all_stay(c, THREADS);
}
