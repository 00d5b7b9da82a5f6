/* idle_threads: an operation is a thread that allocates 192 KiB, frees most of it, and then sleeps
 * until the end with 6 KiB in 64 blocks. At the instant that counts, all of them sleep.
 *
 * Stresses: memory alone: what the caches of threads that do nothing keep.
 * Origin: "lots of threads" of snmalloc's tests, after mimalloc's issue 1002; pools of threads in
 * servers.
 * Good: a sleeping thread keeps little more than its blocks. Bad: it keeps a cache of all that it
 * ever freed, and the cost is that times the number of threads. */
#include "family.h"

#include <stdatomic.h>

enum { MOST = 512, BLOCKS = 2048, KEPT = 64, SIZE = 128, MAX_BYTES = SIZE };

/* One that sleeps, and the worker's own: it starts them one after another. */
struct sleeper {
    struct worker *w;
    pthread_t thread;
    uint64_t op;
    bool verify, started;
    uint64_t digest;
    unsigned char *block[KEPT];
};

struct dormitory {
    pthread_mutex_t mutex;
    pthread_cond_t asleep, awake;
    uint32_t sleeping;
    bool morning;
    uint32_t count;
    unsigned char *busy[BLOCKS]; /* of the one that does not sleep yet: on the stack they would
                                    stay resident, for each sleeper */
    struct sleeper of[MOST];
};

static uint32_t size_of(uint64_t random, uint32_t block) {
    return draw_uniform((uint32_t)stream_mix(random + block), SIZE / 2, SIZE);
}

/* Allocates all, and frees all but every 32nd. Called by one thread at a time. */
static bool work(struct sleeper *s) {
    struct worker *w      = s->w;
    const uint64_t random = stream_random(family_key(w), s->op);
    unsigned char **block = ((struct dormitory *)w->memory)->busy;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const uint32_t size = size_of(random, i);
        block[i]            = block_new(w, size);
        if (!block[i])
            return false;
        block_write(w, block[i], size, s->op * BLOCKS + i, s->verify);
        s->digest += family_digest(random, size);
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const bool kept = i % (BLOCKS / KEPT) == 0;
        if (kept)
            s->block[i / (BLOCKS / KEPT)] = block[i];
        else if (!block_verify(w, block[i], size_of(random, i), s->op * BLOCKS + i, s->verify))
            return false;
        else
            w->allocator->free(block[i]);
    }
    return true;
}

static void *live(void *arg) {
    struct sleeper *s   = arg;
    struct dormitory *d = s->w->memory;
    const bool good     = work(s);
    pthread_mutex_lock(&d->mutex);
    d->sleeping++;
    pthread_cond_signal(&d->asleep);
    while (!d->morning)
        pthread_cond_wait(&d->awake, &d->mutex);
    pthread_mutex_unlock(&d->mutex);
    for (uint32_t i = 0; good && i < KEPT; i++)
        s->w->allocator->free(s->block[i]);
    return NULL;
}

static void warm_up(struct worker *w, bool verify) {
    struct dormitory *d = w->memory;
    (void)verify;
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->asleep, NULL);
    pthread_cond_init(&d->awake, NULL);
}

static void go(struct worker *w, bool verify) {
    struct dormitory *d = w->memory;
    for (uint64_t i = 0; i < w->ops && !*w->failed_check; i++) {
        if (d->count == MOST) { /* the first ones make room: no more than so many sleep */
            block_fail(w, "environment", "idle_threads takes at most %d operations", MOST);
            return;
        }
        struct sleeper *s = &d->of[d->count];
        *s                = (struct sleeper){.w = w, .op = w->first_op + i, .verify = verify};
        if (!family_start(w, &s->thread, live, s))
            return;
        d->count++;
        pthread_mutex_lock(&d->mutex);
        while (d->sleeping < d->count)
            pthread_cond_wait(&d->asleep, &d->mutex);
        pthread_mutex_unlock(&d->mutex);
        w->digest += s->digest;
    }
}

FAMILY_RUNS(go)

static void inspect(struct worker *w, bool verified) {
    const struct dormitory *d = w->memory;
    for (uint32_t n = 0; n < d->count; n++) {
        const struct sleeper *s = &d->of[n];
        const uint64_t random   = stream_random(family_key(w), s->op);
        for (uint32_t k = 0; k < KEPT && s->block[k]; k++) {
            const uint32_t i = k * (BLOCKS / KEPT);
            block_read(w, s->block[k], size_of(random, i), s->op * BLOCKS + i, verified);
            worker_count_live(w, s->block[k], size_of(random, i));
        }
    }
}

static void drain(struct worker *w) {
    struct dormitory *d = w->memory;
    pthread_mutex_lock(&d->mutex);
    d->morning = true;
    pthread_cond_broadcast(&d->awake);
    pthread_mutex_unlock(&d->mutex);
    for (uint32_t n = 0; n < d->count; n++)
        pthread_join(d->of[n].thread, NULL);
    d->count = 0;
}

const struct workload workload_idle_threads = {
    .abi          = WORKLOAD_ABI,
    .name         = "idle_threads",
    .group        = "threads",
    .summary      = "threads that allocate 2048 blocks of 64 to 128 B, free all but 64, and sleep",
    .stresses     = "what sleeping threads keep; look at memory alone",
    .most_threads = 1,
    .ops          = 512,
    .quick_ops    = 128,
    .brief_ops    = 64,
    .min_bytes    = SIZE / 2,
    .max_bytes    = MAX_BYTES,
    .memory_bytes = sizeof(struct dormitory),
    .warm_up      = warm_up,
    .run          = run,
    .verify       = verify,
    .inspect      = inspect,
    .drain        = drain,
};
