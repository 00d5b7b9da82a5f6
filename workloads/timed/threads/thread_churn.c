/* thread_churn: an operation is the life of a thread. It allocates 16 blocks, frees all but one,
 * and ends. The next one reads the survivor and frees it.
 *
 * Stresses: the first malloc of a thread, its end, and what is left behind.
 * Origin: mleak of mimalloc-bench; servers with a thread for each request.
 * Good: a heap for a thread is found in a list, and memory does not grow. Bad: it is mapped anew,
 * or never taken over: then memory grows with the number of threads. */
#include "family.h"

enum { BLOCKS = 16, MIN_BYTES = 16, MAX_BYTES = 2048 };

/* The worker's books: the survivor of the thread before. */
struct left {
    unsigned char *block;
    uint32_t size;
    uint64_t op;
};

struct life {
    struct worker *w;
    uint64_t op;
    bool verify;
};

static uint32_t size_of(uint64_t random, uint32_t block) {
    return draw_octaves((uint32_t)stream_mix(random + block), MIN_BYTES, 7);
}

static void *live(void *arg) {
    const struct life *l  = arg;
    struct worker *w      = l->w;
    struct left *left     = w->memory;
    const uint64_t random = stream_random(family_key(w), l->op);
    unsigned char *block[BLOCKS];
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const uint32_t size = size_of(random, i);
        block[i]            = block_new(w, size);
        if (!block[i])
            return NULL;
        block_write(w, block[i], size, l->op * BLOCKS + i, l->verify);
        w->digest += family_digest(random, size);
    }
    if (left->block && !block_read(w, left->block, left->size, left->op, l->verify))
        return NULL;
    w->allocator->free(left->block);
    left->block = NULL; /* whatever fails from here on */
    for (uint32_t i = 1; i < BLOCKS; i++) {
        if (!block_verify(w, block[i], size_of(random, i), l->op * BLOCKS + i, l->verify))
            return NULL;
        w->allocator->free(block[i]);
    }
    *left = (struct left){block[0], size_of(random, 0), l->op * BLOCKS};
    return NULL;
}

static void go(struct worker *w, bool verify) {
    for (uint64_t i = 0; i < w->ops && !*w->failed_check; i++) {
        struct life life = {.w = w, .op = w->first_op + i, .verify = verify};
        family_run_thread(w, live, &life);
    }
}

FAMILY_RUNS(go)

static void inspect(struct worker *w, bool verified) {
    const struct left *left = w->memory;
    if (!left->block)
        return;
    block_read(w, left->block, left->size, left->op, verified);
    worker_count_live(w, left->block, left->size);
}

static void drain(struct worker *w) {
    struct left *left = w->memory;
    w->allocator->free(left->block);
    left->block = NULL;
}

const struct workload workload_thread_churn = {
    .abi          = WORKLOAD_ABI,
    .name         = "thread_churn",
    .group        = "threads",
    .summary      = "a thread an operation: 16 blocks of 17 to 2048 B, of which one outlives it",
    .stresses     = "threads that come and go",
    .ops          = 10000,
    .quick_ops    = 1500,
    .brief_ops    = 300,
    .min_bytes    = MIN_BYTES,
    .max_bytes    = MAX_BYTES,
    .memory_bytes = sizeof(struct left),
    .warm_up      = family_no_warm_up,
    .run          = run,
    .verify       = verify,
    .inspect      = inspect,
    .drain        = drain,
};
