/* survivors: one block in each 4 KiB lives on, and the next blocks have another size; three times.
 *
 * Stresses: blow-up, which is the peak of resident memory over that of live bytes: can a page that
 * is all but empty serve another size? Origin: the blow-up of "Hoard" (Berger and others, ASPLOS
 * 2000), with a survivor a page as in the evaluation of "Mesh" (PLDI 2019).
 * Good: pages with few blocks serve the next size, or go back in part. Bad: each size pins a heap
 * of its own, and `4096 B` is four times the live bytes.
 * Sizes and their order are the same at every seed. */
#include "held.h"

enum {
    PAGE      = 4096,
    LEAST     = 64,
    STEPS     = 4,
    GROWTH    = 4,
    MAX_BYTES = LEAST * GROWTH * GROWTH * GROWTH
};

static const char *const full[STEPS]     = {"64 B", "256 B", "1024 B", "4096 B"};
static const char *const survived[STEPS] = {"64 B, survivors", "256 B, survivors",
                                            "1024 B, survivors", "4096 B, survivors"};

static void go(struct worker *w, bool verify) {
    const struct held_books *b = w->memory;
    const uint64_t most        = w->ops * LEAST; /* live bytes, at most */
    uint32_t size              = LEAST;
    for (unsigned step = 0; step < STEPS; step++, size *= GROWTH) {
        const uint32_t first = b->count;
        while (b->bytes + size <= most && held_good(w))
            held_add(w, size, verify);
        held_note(w, full[step]);
        for (uint32_t i = first; i < b->count && held_good(w); i++)
            if ((i - first) % (PAGE / size))
                held_free(w, i, verify);
        held_note(w, survived[step]);
    }
}

FAMILY_RUNS(go)

const struct workload workload_survivors = {
    HELD_MEMBERS,
    .name      = "survivors",
    .summary   = "64 B to 4 KiB in four steps; one block in each 4 KiB survives its step",
    .stresses  = "blow-up: pages that are all but empty, and another size",
    .ops       = 90000,
    .quick_ops = 50000,
    .brief_ops = 8000,
    .min_bytes = LEAST,
    .max_bytes = MAX_BYTES,
};
