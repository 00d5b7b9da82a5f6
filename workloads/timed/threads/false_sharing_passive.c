/* false_sharing_passive: one thread allocates neighbouring blocks, and hands one to each thread.
 * That frees it, and goes on as in false_sharing_active.
 *
 * Stresses: whether a thread that frees another's block gets it back with its next malloc. Then
 * threads write into one cache line that no malloc of theirs put there. Origin: cache-scratch of
 * Hoard (Berger and others, ASPLOS 2000). Good: a block goes back to where it came from. Bad: it
 * stays with the thread that freed it, and so does the sharing. */
#include "false_sharing.h"

/* What all share: a block for each thread. */
struct gift {
    unsigned char *block;
};

static void warm_up(struct worker *w, bool verify) {
    struct gift *gift = w->shared;
    for (uint32_t t = 0; w->thread == 0 && t < w->threads; t++) {
        gift[t].block = block_new(w, SHARING_MIN);
        if (gift[t].block)
            block_write(w, gift[t].block, SHARING_MIN, t, verify);
    }
}

STREAM_INLINE void go(struct worker *w, bool verify) {
    struct gift *gift = w->shared;
    if (!gift[w->thread].block ||
        !block_read(w, gift[w->thread].block, SHARING_MIN, w->thread, verify))
        return;
    w->allocator->free(gift[w->thread].block);
    sharing_go(w, verify);
}

FAMILY_RUNS(go)

const struct workload workload_false_sharing_passive = {
    SHARING_MEMBERS,
    .abi  = WORKLOAD_ABI,
    .name = "false_sharing_passive",
    .summary =
        "as false_sharing_active, after each thread freed a neighbouring block of one thread",
    .stresses     = "blocks of two threads in one cache line, left there by free",
    .thread_bytes = sizeof(struct gift),
    .warm_up      = warm_up,
    .run          = run,
    .verify       = verify,
    .inspect      = family_no_inspection,
    .drain        = family_no_drain,
};
