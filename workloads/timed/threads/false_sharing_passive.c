/* false_sharing_passive: one thread allocates neighbouring blocks of 16 bytes, and hands them out
 * in turn, eight to each thread. That replaces the oldest of its eight again and again, and writes
 * into the new one. All blocks have one size, so that what is freed can come back.
 *
 * Stresses: whether a thread that frees another's block gets it back with its next malloc. Then
 * threads write into cache lines that no malloc of theirs put there. Origin: cache-scratch of Hoard
 * (Berger and others, ASPLOS 2000). Good: a block goes back to where it came from. Bad: it stays
 * with the thread that freed it, and so does the sharing. */
#include "false_sharing.h"

enum { SIZE = 16, GIFTS = 8 /* more than one line holds */ };

/* What all share: the blocks that each thread has, the oldest first from `ops % GIFTS` on. Those of
 * the first operations are gifts. `key`: of what is in a block. */
struct gifts {
    struct gift {
        unsigned char *block;
        uint64_t key;
    } of[GIFTS];
};

/* In turn: neighbours are of different threads. */
static void warm_up(struct worker *w, bool verify) {
    struct gifts *gifts = w->shared;
    for (uint32_t n = 0; w->thread == 0 && n < GIFTS * w->threads; n++) {
        struct gift *gift = &gifts[n % w->threads].of[n / w->threads];
        *gift             = (struct gift){block_new(w, SIZE), UINT64_MAX - n};
        if (!gift->block)
            return;
        block_write(w, gift->block, SIZE, gift->key, verify);
    }
}

STREAM_INLINE bool leave(struct worker *w, struct gift *gift, bool verify) {
    unsigned char *block = gift->block;
    if (!block || !block_verify(w, block, SIZE, gift->key, verify))
        return false;
    gift->block = NULL;
    w->allocator->free(block);
    return true;
}

STREAM_INLINE void go(struct worker *w, bool verify) {
    struct gifts own   = ((struct gifts *)w->shared)[w->thread]; /* off the shared line */
    const uint64_t key = family_key(w);
    bool good          = true;
    for (uint64_t i = 0; good && i < w->ops; i++) {
        const uint64_t op = w->first_op + i;
        struct gift *gift = &own.of[i % GIFTS];
        if ((good = leave(w, gift, verify)))
            *gift = (struct gift){sharing_block(w, SIZE, op, verify), op};
        w->digest += family_digest(stream_random(key, op), SIZE);
    }
    for (uint32_t i = 0; good && !*w->failed_check && i < GIFTS; i++)
        good = leave(w, &own.of[i], verify);
}

FAMILY_RUNS(go)

const struct workload workload_false_sharing_passive = {
    SHARING_MEMBERS,
    .abi       = WORKLOAD_ABI,
    .name      = "false_sharing_passive",
    .summary   = "16 B; each thread replaces the oldest of 8, which one thread gave it, and writes "
                 "100 times",
    .stresses  = "blocks of two threads in one cache line, left there by free",
    .min_bytes = SIZE,
    .max_bytes = SIZE,
    .thread_bytes = sizeof(struct gifts),
    .warm_up      = warm_up,
    .run          = run,
    .verify       = verify,
    .inspect      = family_no_inspection,
    .drain        = family_no_drain,
};
