/* swiss_cheese: fill, free every second block, then ask for the same bytes in larger blocks.
 *
 * Stresses: external fragmentation: holes between live blocks that fit nothing larger.
 * Origin: a case of textbooks; Wilson, Johnstone, Neely and Boles, "Dynamic Storage Allocation"
 * (IWMM 1995). Good: `filled` is at most `full` plus the new blocks. At `again`, which asks for the
 * freed sizes once more, memory hardly grows: the holes serve. Bad: holes serve nobody, and `again`
 * grows by all that it asks for. */
#include "held.h"

enum {
    BASE      = 32,
    OCTAVES   = 4,
    MIN_BYTES = BASE + 1,
    LARGER    = 4,
    MAX_BYTES = (BASE << OCTAVES) * LARGER,
};

static uint32_t size_of(const struct worker *w, uint64_t i) {
    return draw_octaves((uint32_t)held_random(w, i, 0), BASE, OCTAVES);
}

static void go(struct worker *w, bool verify) {
    const struct held_books *b = w->memory;
    for (uint64_t i = 0; i < w->ops && held_good(w); i++)
        held_add(w, size_of(w, i), verify);
    held_note(w, "full");
    const uint32_t filled = b->count;
    for (uint32_t i = 1; i < filled && held_good(w); i += 2)
        held_free(w, i, verify);
    held_note(w, "holes");
    for (uint64_t i = 1; i < w->ops / LARGER && held_good(w); i += 2)
        held_add(w, size_of(w, i) * LARGER, verify);
    held_note(w, "filled");
    for (uint32_t i = 1; i < filled && held_good(w); i += 2)
        held_fill(w, i, size_of(w, i), verify);
    held_note(w, "again");
}

FAMILY_RUNS(go)

const struct workload workload_swiss_cheese = {
    HELD_MEMBERS,
    .name      = "swiss_cheese",
    .summary   = "33 to 512 B: fill, free every second block, ask for four times as large ones",
    .stresses  = "holes between live blocks",
    .ops       = 80000,
    .quick_ops = 40000,
    .brief_ops = 8000,
    .min_bytes = MIN_BYTES,
    .max_bytes = MAX_BYTES,
};
