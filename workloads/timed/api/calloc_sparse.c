/* calloc_sparse: tables of 1 to 8 MiB of zeros, of which the program writes one page in 16. Such
 * are hash tables that are made large enough for the worst case, and the page tables of an
 * emulator.
 *
 * Good: what is never written is never resident, neither in a fresh table nor in one that takes the
 * place of another. Bad: the table is cleared by hand, so that every page of it faults and stays.
 */
#include "places.h"

enum {
    PLACES    = 8,
    WARM_UP   = 2 * PLACES,
    MIN_BYTES = 1 << 20,
    OCTAVES   = 3,
    MAX_BYTES = MIN_BYTES << OCTAVES,
    STRIDE    = 16 * BLOCK_PAGE,
};

struct books {
    struct held held[PLACES];
};

/* Whether a table is as it was left, beside its first byte: marks at each stride, zeros between. */
static bool table_intact(struct worker *w, const struct held *h, uint32_t place) {
    for (uint32_t at = 0; h->block && at < h->size; at += STRIDE) {
        const uint32_t zeros = (h->size - at < STRIDE ? h->size - at : STRIDE) - 1;
        if ((at == 0 || h->block[at] == held_mark(place)) &&
            contents_zero(h->block + at + 1, zeros) == zeros)
            continue;
        block_fail(w, "contents",
                   "a byte within %u bytes behind byte %u of a live block of %u bytes of calloc at "
                   "%p has changed",
                   zeros + 1, at, h->size, (const void *)h->block);
        return false;
    }
    return true;
}

/* In use is the first byte alone, where held_take writes and looks. The other pages that are
 * written are the operation's own. */
STREAM_INLINE bool replace_table(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = step_place(op, (uint32_t)(random >> 32), PLACES);
    const uint32_t size   = draw_octaves((uint32_t)random, MIN_BYTES, OCTAVES);
    struct held *h        = &b->held[place];
    if ((verify && !table_intact(w, h, place)) || !held_drop(w, h, place, verify))
        return false;
    unsigned char *block = w->allocator->calloc(size / BLOCK_PAGE, BLOCK_PAGE);
    const uint32_t whole = size / BLOCK_PAGE * BLOCK_PAGE;
    if (!held_zero(w, block, whole, verify) ||
        !held_take(w, h, place, block, whole, 1, 0, "calloc", verify))
        return false;
    for (uint32_t at = STRIDE; at < whole; at += STRIDE)
        block[at] = held_mark(place);
    w->digest += (random | 1) * whole;
    return true;
}
PLACES_RUNS(replace_table, replace_table)
PLACES_DRAIN

static void inspect(struct worker *w, bool verified) {
    const struct books *b = w->memory;
    places_inspect(w, b->held, PLACES, verified);
    for (uint32_t place = 0; place < PLACES; place++) {
        const struct held *h = &b->held[place];
        if (h->block) /* the pages beside the first byte */
            w->untouched_bytes -= (h->size + STRIDE - 1) / STRIDE * BLOCK_PAGE - 1;
        if (verified && block_is_kept(w))
            table_intact(w, h, place);
    }
}

const struct workload workload_calloc_sparse = {
    .name        = "calloc_sparse",
    .group       = "api",
    .needs       = NEEDS_CALLOC,
    .summary     = "zeros of 1 to 8 MiB, one page in 16 written; 8 live a thread",
    .stresses    = "pages that the program never writes",
    .ops         = 4000,
    .quick_ops   = 800,
    .brief_ops   = 100,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
