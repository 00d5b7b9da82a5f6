/* reserve_touch: blocks of 256 KiB to 4 MiB, of which first nothing is written, then a quarter of
 * their pages, half, and all.
 *
 * Stresses: whether memory becomes resident when it is written, and not before. Origin: a claim
 * about Go's heap: address space is reserved, and costs when it is touched. Good: `untouched` is
 * near nothing, and each step adds what was written. Bad: an allocator that writes into blocks, or
 * has them backed at once (huge pages, MAP_POPULATE). */
#include "held.h"

enum {
    BASE      = 256 << 10,
    OCTAVES   = 4,
    MIN_BYTES = BASE + 1,
    MAX_BYTES = BASE << OCTAVES,
    PARTS     = 4,
};

static const char *const names[PARTS] = {"a quarter", "half", "three quarters", "all"};

/* The pages of one part: a run of them, its last byte included in the last part. */
static void touch(const struct held *h, unsigned part) {
    const uint32_t from = h->size / PARTS * part,
                   to   = part + 1 == PARTS ? h->size : h->size / PARTS * (part + 1);
    for (uint32_t at = from; at < to; at += BLOCK_PAGE)
        h->block[at] = (unsigned char)h->key;
}

/* As held_fill, but nothing is written. */
static void reserve(struct worker *w, uint64_t i) {
    struct held_books *b = w->memory;
    if (b->count == HELD_MOST) {
        block_fail(w, "environment", "more blocks than %d", HELD_MOST);
        return;
    }
    const uint64_t random = held_random(w, i, 0);
    struct held *h        = &b->of[b->count];
    *h                    = (struct held){.key  = ((uint64_t)w->thread << 40) + b->count,
                                          .size = draw_octaves((uint32_t)random, BASE, OCTAVES)};
    h->block              = block_new(w, h->size);
    if (!h->block)
        return;
    b->count++;
    b->bytes += h->size;
    w->digest += family_digest(random, h->size);
}

static void go(struct worker *w, bool verify) {
    const struct held_books *b = w->memory;
    for (uint64_t i = 0; i < w->ops && held_good(w); i++)
        reserve(w, i);
    held_note(w, "untouched");
    for (unsigned part = 0; part < PARTS; part++) {
        for (uint32_t i = 0; i < b->count && held_good(w); i++)
            touch(&b->of[i], part);
        held_note(w, names[part]);
    }
    for (uint32_t i = 0; i < b->count && held_good(w); i++)
        block_write(w, b->of[i].block, b->of[i].size, b->of[i].key, verify);
}

FAMILY_RUNS(go)

const struct workload workload_reserve_touch = {
    HELD_MEMBERS,
    .name      = "reserve_touch",
    .summary   = "256 KiB to 4 MiB, not written at first, then by quarters",
    .stresses  = "memory that is resident before it is written",
    .ops       = 100,
    .quick_ops = 50,
    .brief_ops = 16,
    .min_bytes = MIN_BYTES,
    .max_bytes = MAX_BYTES,
};
