/* larson: a server whose threads come and go. Each thread replaces random blocks for a while, and
 * ends. The next one takes over its blocks, and frees them. In its life a thread replaces half as
 * many blocks as it holds. So four of five blocks are freed by another thread than the one that
 * allocated them, which is no more.
 *
 * Stresses: blocks that outlive their thread: what becomes of a heap whose thread has ended.
 * Origin: Larson and Krishnan, "Memory allocation for long-running server applications" (ISMM
 * 1998). The sizes, 8 to 1000 bytes, are those of mimalloc-bench; the slots are 16384 a thread.
 * Good: a new thread takes over the heap of the old one, and speed is that of a lasting thread.
 * Bad: memory grows with each generation, or each free takes a lock of a heap that nobody owns. */
#include "family.h"
#include "replace.h"

enum { SLOTS = 16384, ROUNDS = 2, MIN_BYTES = 8, MAX_BYTES = 1000, LIFE = SLOTS / 2 };

static uint32_t draw(uint32_t random, uint32_t rank) {
    (void)rank;
    return draw_uniform(random, MIN_BYTES, MAX_BYTES);
}

static const struct replace load = {.slots = SLOTS, .rounds = ROUNDS, .draw = draw};

static void *timed_life(void *worker) {
    replace_run(worker, load);
    return NULL;
}

static void *checked_life(void *worker) {
    replace_verify(worker, load);
    return NULL;
}

/* Lets one thread after the other do a part of the worker's operations. */
static void live_on(struct worker *w, void *(*life)(void *)) {
    const uint64_t first = w->first_op, ops = w->ops;
    for (uint64_t at = 0; at < ops && !*w->failed_check; at += LIFE) {
        w->first_op = first + at;
        w->ops      = ops - at < LIFE ? ops - at : LIFE;
        family_run_thread(w, life, w);
    }
    w->first_op = first;
    w->ops      = ops;
}

static void warm_up(struct worker *w, bool verify) {
    replace_warm_up(w, verify, load);
}

static void run(struct worker *w) {
    live_on(w, timed_life);
}

static void verify(struct worker *w) {
    live_on(w, checked_life);
}

static void inspect(struct worker *w, bool verified) {
    replace_inspect(w, verified, load);
}

static void drain(struct worker *w) {
    replace_drain(w, load);
}

const struct workload workload_larson = {
    REPLACE_MEMBERS_SHARED,
    .name    = "larson",
    .group   = "threads",
    .summary = "8 to 1000 B, uniform; 16384 live blocks a thread, of which each life replaces half",
    .stresses  = "blocks that outlive their thread",
    .ops       = 4000000,
    .quick_ops = 400000,
    .brief_ops = 100000,
};
