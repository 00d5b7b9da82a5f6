/* first_fit: pairs of a block and a small one behind it; the blocks are freed, the small ones stay,
 * and the next blocks are a little larger than each hole. Eight times.
 *
 * Stresses: blow-up of an allocator that takes the first hole that fits. Origin: J. M. Robson,
 * "Worst case fragmentation of first fit and best fit storage allocation strategies" (Computer
 * Journal 20/3, 1977): first fit may need about M log2(n), for live bytes M and sizes of up to n
 * units. That is the bound of the record. Good: small blocks lie apart from large ones, so that the
 * holes join. Bad: a small block behind each hole keeps it, and the peak is a multiple of the live
 * bytes.
 * Sizes and their order are the same at every seed. */
#include "held.h"

enum {
    ROUNDS    = 8,
    LEAST     = 512,
    GROWTH    = 64,
    SMALL     = 16,
    MAX_BYTES = LEAST + (ROUNDS - 1) * GROWTH
};

/* log2(MAX_BYTES / SMALL), 60 units, rounded up. */
enum { LOG_UNITS = 6 };

static const char *const names[ROUNDS] = {"round 1", "round 2", "round 3", "round 4",
                                          "round 5", "round 6", "round 7", "round 8"};

static void free_blocks(struct worker *w, uint32_t first, bool verify) {
    const struct held_books *b = w->memory;
    for (uint32_t i = first; i < b->count && held_good(w); i += 2)
        held_free(w, i, verify);
}

static void go(struct worker *w, bool verify) {
    const struct held_books *b = w->memory;
    const uint64_t pairs       = (w->ops + ROUNDS - 1) / ROUNDS;
    uint32_t first             = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (held_good(w))
            free_blocks(w, first, verify);
        first = b->count;
        for (uint64_t i = 0; i < pairs && i + round * pairs < w->ops && held_good(w); i++) {
            held_add(w, LEAST + round * GROWTH, verify);
            held_add(w, SMALL, verify);
        }
        w->bound_bytes =
            b->bytes > w->bound_bytes / LOG_UNITS ? b->bytes * LOG_UNITS : w->bound_bytes;
        held_note(w, names[round]);
    }
}

FAMILY_RUNS(go)

const struct workload workload_first_fit = {
    HELD_MEMBERS,
    .name      = "first_fit",
    .summary   = "512 to 960 B with 16 B behind each: the small ones stay, the next are larger",
    .stresses  = "blow-up by small blocks that keep holes apart",
    .ops       = 60000,
    .quick_ops = 40000,
    .brief_ops = 8000,
    .min_bytes = SMALL,
    .max_bytes = MAX_BYTES,
};
