/* A sample of a workload by real threads, as the cell runs it, for the tests of this room. */
#ifndef SPANBENCH_TEST_CREW_H
#define SPANBENCH_TEST_CREW_H

#include "workload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 8 };

static struct crew {
    struct worker worker[MOST_THREADS];
    const struct workload *load;
    pthread_barrier_t meeting;
    const atomic_size_t *live; /* blocks, as the allocator counts; or NULL */
    size_t live_at_inspection;
    void (*after_warm_up)(struct worker *); /* when all have warmed up; or NULL */
    unsigned threads;
    bool verify;
} crew;

struct outcome {
    uint64_t digest, live_blocks, live_bytes;
    size_t live_at_inspection;
    const char *failed_check, *failure;
};

static void *crew_work(void *arg) {
    struct worker *w = arg;
    bool failed      = false;
    crew.load->warm_up(w, crew.verify);
    pthread_barrier_wait(&crew.meeting);
    if (crew.after_warm_up)
        crew.after_warm_up(w);
    pthread_barrier_wait(&crew.meeting);
    if (!*w->failed_check && crew.verify)
        crew.load->verify(w);
    else if (!*w->failed_check)
        crew.load->run(w);
    pthread_barrier_wait(&crew.meeting);
    if (w->thread == 0)
        crew.live_at_inspection = crew.live ? atomic_load(crew.live) : 0;
    crew.load->inspect(w, crew.verify);
    pthread_barrier_wait(&crew.meeting);
    for (unsigned t = 0; t < crew.threads; t++)
        failed |= *crew.worker[t].failed_check != '\0';
    if (!failed) /* the heap may be broken */
        crew.load->drain(w);
    return NULL;
}

static inline unsigned crew_threads(const struct workload *load) {
    const unsigned least = load->least_threads > 2 ? load->least_threads : 2;
    return load->most_threads && load->most_threads < least ? load->most_threads : least;
}

static struct outcome crew_run(const struct workload *load, const struct allocator *a,
                               uint64_t seed, uint64_t ops, unsigned threads, bool verify) {
    pthread_t thread[MOST_THREADS];
    struct outcome sum = {.failed_check = "", .failure = ""};
    const size_t bytes = load->shared_bytes + load->thread_bytes * threads;
    void *shared       = bytes ? aligned_alloc(4096, (bytes + 4095) / 4096 * 4096) : NULL;
    if (shared)
        memset(shared, 0, bytes);
    crew.load    = load;
    crew.verify  = verify;
    crew.threads = threads;
    pthread_barrier_init(&crew.meeting, NULL, threads);
    for (unsigned t = 0; t < threads; t++) {
        const uint64_t first = ops * t / threads;
        crew.worker[t]       = (struct worker){.allocator    = a,
                                               .seed         = seed,
                                               .first_op     = first,
                                               .ops          = ops * (t + 1) / threads - first,
                                               .thread       = t,
                                               .threads      = threads,
                                               .memory       = calloc(1, load->memory_bytes + 1),
                                               .shared       = shared,
                                               .total_ops    = ops,
                                               .failed_check = ""};
    }
    for (unsigned t = 1; t < threads; t++)
        if (pthread_create(&thread[t], NULL, crew_work, &crew.worker[t]) != 0)
            abort();
    crew_work(&crew.worker[0]);
    for (unsigned t = 1; t < threads; t++)
        pthread_join(thread[t], NULL);
    pthread_barrier_destroy(&crew.meeting);
    for (unsigned t = 0; t < threads; t++) {
        const struct worker *w = &crew.worker[t];
        sum.digest += w->digest;
        sum.live_blocks += w->live_blocks;
        sum.live_bytes += w->live_bytes;
        if (*w->failed_check)
            sum.failed_check = w->failed_check, sum.failure = w->failure;
        if (!*w->failed_check) /* sleepers of a failed one may still look at it */
            free(w->memory);
    }
    sum.live_at_inspection = crew.live_at_inspection;
    if (!*sum.failed_check)
        free(shared);
    return sum;
}

/* So few that it takes milliseconds. */
static inline uint64_t crew_few_ops(const struct workload *load) {
    enum { FEW = 4000 };
    return load->brief_ops < FEW ? load->brief_ops : FEW;
}

#endif
