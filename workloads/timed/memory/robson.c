/* robson: blocks of 16 B to 4 KiB, by powers of two. After each size every second block is freed,
 * and the next, twice as large, fill up to the same live bytes.
 *
 * Stresses: the fragmentation that allocators cannot avoid.
 * Origin: J. M. Robson, "Bounds for some functions concerning dynamic storage allocation" (JACM
 * 21/3, 1974). With live bytes M and sizes of up to n units, some requests need M (log2(n) / 2 +
 * 1), whatever the allocator. His program looks at addresses to choose what it frees. This one
 * takes every second block in the order of requests, for the requests must be the same for all. So
 * an allocator may have a worse case, and the bound, `bound_bytes` of the record, is a yardstick.
 * Good: the peak is well below the bound. Bad: above.
 * Sizes and their order are the same at every seed. */
#include "held.h"

enum { UNIT = 16, STEPS = 9, MAX_BYTES = UNIT << (STEPS - 1) };

static const char *const names[STEPS] = {"16 B",  "32 B",   "64 B",   "128 B", "256 B",
                                         "512 B", "1024 B", "2048 B", "4096 B"};

static void free_every_second(struct worker *w, bool verify) {
    const struct held_books *b = w->memory;
    bool odd                   = false;
    for (uint32_t i = 0; i < b->count && held_good(w); i++) {
        if (!b->of[i].block)
            continue;
        if (odd)
            held_free(w, i, verify);
        odd = !odd;
    }
}

static void go(struct worker *w, bool verify) {
    const struct held_books *b = w->memory;
    const uint64_t most        = w->ops * UNIT;
    w->bound_bytes             = most * (STEPS - 1 + 2) / 2; /* log2(n) = STEPS - 1 */
    for (unsigned step = 0; step < STEPS; step++) {
        const uint32_t size = (uint32_t)UNIT << step;
        if (step && held_good(w))
            free_every_second(w, verify);
        while (b->bytes + size <= most && held_good(w))
            held_add(w, size, verify);
        held_note(w, names[step]);
    }
}

FAMILY_RUNS(go)

const struct workload workload_robson = {
    HELD_MEMBERS,
    .name      = "robson",
    .summary   = "16 B to 4 KiB by powers of two; every second block is freed before the next size",
    .stresses  = "blow-up, beside the bound that no allocator can beat",
    .ops       = 80000,
    .quick_ops = 80000,
    .brief_ops = 8000,
    .min_bytes = UNIT,
    .max_bytes = MAX_BYTES,
};
