/* No two live blocks overlap, and what is written stays. C17 7.22.3p1: "Each such allocation shall
 * yield a pointer to an object disjoint from any other object." */
#include "check.h"
#include "maker.h"

#include <pthread.h>

enum { MOST_HELD = 4096 };

struct held {
    void *block;
    uint32_t size;
    uint32_t key;
};

struct player {
    struct check_run *c;
    struct held *held;
    size_t slots, steps;
    size_t shift; /* sizes are below 2 << shift */
    bool all_functions;
    uint64_t state;
};

static uint64_t draw(struct player *p) {
    return check_mix(p->state++);
}

static bool release(struct player *p, struct held *h) {
    if (!h->block)
        return true;
    const size_t good = check_intact(h->block, h->size, h->key);
    if (!check_that(p->c, good == h->size, "a live block belongs to its owner alone",
                    "byte %zu of a live block of %u at %p changed", good, h->size, h->block))
        return false;
    p->c->a->free(h->block);
    h->block = NULL;
    return true;
}

/* Random replacement of blocks, each filled when it is made and compared before it is freed. */
static void play(struct player *p) {
    for (size_t step = 0; step < p->steps; step++) {
        struct held *h        = &p->held[draw(p) % p->slots];
        const uint64_t random = draw(p);
        const struct maker *m = &makers[p->all_functions ? random % MAKERS : 0];
        const size_t aligned  = (size_t)16 << (random >> 8) % 7;
        size_t size           = 1 + (draw(p) % ((size_t)2 << random % (p->shift + 1)));
        if (!maker_has(m, p->c->a))
            m = &makers[0];
        if (m->takes_alignment)
            size = (size + aligned - 1) & -aligned;
        if (!release(p, h))
            return;
        h->block = m->make(p->c->a, aligned, size);
        if (!h->block && m->takes_alignment) /* an alignment that it does not support */
            continue;
        if (!check_that(p->c, h->block != NULL, "a block", "%s of %zu bytes gave NULL", m->name,
                        size))
            return;
        h->size = (uint32_t)size;
        h->key  = (uint32_t)draw(p);
        check_fill(h->block, size, h->key);
    }
    for (size_t i = 0; i < p->slots; i++)
        if (!release(p, &p->held[i]))
            return;
}

static struct held books[4][MOST_HELD];

static void alone(struct check_run *c, size_t slots, size_t steps, size_t shift, bool all) {
    struct player p = {c, books[0], slots, steps, shift, all, c->seed << 32};
    play(&p);
}

CHECK(overlap_tiny, .name = "overlap.tiny", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.22.3p1", .summary = "live blocks of 1 to 16 bytes are disjoint") {
    alone(c, MOST_HELD, 200000, 3, false);
}

CHECK(overlap_small, .name = "overlap.small", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.22.3p1", .summary = "live blocks of 1 B to 32 KiB are disjoint") {
    alone(c, MOST_HELD, 100000, 14, false);
}

CHECK(overlap_large, .name = "overlap.large", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.22.3p1", .summary = "live blocks of 1 B to 8 MiB are disjoint") {
    alone(c, 64, 1500, 22, false);
}

CHECK(overlap_functions, .name = "overlap.functions", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_C, .clause = "C17 7.22.3p1",
      .summary = "live blocks of all functions that allocate, mixed, are disjoint") {
    alone(c, 1024, 60000, 14, true);
}

static void *play_thread(void *player) {
    play(player);
    return NULL;
}

CHECK(overlap_threads, .name = "overlap.threads", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.22.3p1-2", .summary = "live blocks of four threads are disjoint") {
    pthread_t thread[4];
    struct player p[4];
    for (size_t i = 0; i < 4; i++) {
        p[i] = (struct player){c, books[i], 1024, 60000, 12, true, (c->seed << 32) + (i << 28)};
        if (pthread_create(&thread[i], NULL, play_thread, &p[i]) != 0)
            return check_unsupported(c, "no thread can be created");
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
}

/* Every function that allocates x size x alignment x every function that may free: free_sized takes
 * blocks of malloc, calloc and realloc, free_aligned_sized those of aligned_alloc; for others, of
 * which C23 does not know, they are undefined. A function that is not of C takes part because its
 * blocks, too, must be disjoint from those of malloc. */
static void free_by(struct check_run *c, const struct maker *m, unsigned way, void *block,
                    size_t alignment, size_t size) {
    const struct allocator *a = c->a;
    const bool of_aligned     = m->needs == NEEDS_ALIGNED_ALLOC;
    const bool of_c           = !m->takes_alignment && m->needs != NEEDS_REALLOCARRAY;
    if (way == 1 && a->free_sized && of_c)
        a->free_sized(block, size);
    else if (way == 1 && a->free_aligned_sized && of_aligned)
        a->free_aligned_sized(block, alignment, size);
    else if (way == 2 && a->realloc)
        a->free(a->realloc(block, size / 2 + 1));
    else if (way == 3 && a->realloc)
        a->free(a->realloc(block, size * 2));
    else
        a->free(block);
}

CHECK(matrix, .name = "overlap.matrix", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1, 7.22.3.3p2, C23 7.24.3.4-5",
      .summary = "function x size x alignment x legal way to free: live blocks keep their bytes") {
    enum { WAYS = 4, LIVE = 6 };
    for (size_t which = 0; which < MAKERS; which++)
        for (size_t alignment = 8; alignment <= 8192; alignment *= 4)
            for (size_t size = 1; size <= 300000; size = size * 2 + size / 3 + 1)
                for (unsigned way = 0; way < WAYS; way++) {
                    const struct maker *m = &makers[which];
                    const size_t rounded =
                        m->takes_alignment ? (size + alignment - 1) & -alignment : size;
                    void *block[LIVE];
                    if (!maker_has(m, c->a) || (!m->takes_alignment && alignment > 8))
                        continue;
                    for (size_t i = 0; i < LIVE; i++) {
                        block[i] = m->make(c->a, alignment, rounded);
                        MUST(c, block[i] || m->takes_alignment, "a block",
                             "%s of %zu bytes gave NULL", m->name, rounded);
                        if (block[i])
                            check_fill(block[i], rounded, i);
                    }
                    for (size_t i = 0; i < LIVE; i++) {
                        MUST(c, !block[i] || check_intact(block[i], rounded, i) == rounded,
                             "a live block belongs to its owner alone",
                             "%s with alignment %zu, size %zu, freed in way %u: a live block "
                             "changed",
                             m->name, alignment, rounded, way);
                        if (block[i])
                            free_by(c, m, way, block[i], alignment, rounded);
                    }
                }
}
