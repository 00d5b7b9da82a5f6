/* No two live blocks overlap, and what is written stays. C17 7.22.3p1: "Each such allocation shall
 * yield a pointer to an object disjoint from any other object." */
#include "check.h"
#include "releaser.h"

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
    size_t made = 0;
    for (; made < 4; made++) {
        p[made] =
            (struct player){c, books[made], 1024, 60000, 12, true, (c->seed << 32) + (made << 28)};
        if (pthread_create(&thread[made], NULL, play_thread, &p[made]) != 0)
            break;
    }
    for (size_t i = 0; i < made; i++) /* they use what is on this stack */
        pthread_join(thread[i], NULL);
    if (made < 4)
        check_unsupported(c, "no thread can be created");
}

/* Six blocks at once of one function, size and alignment, freed in one way. */
static bool family(struct check_run *c, size_t maker, const struct releaser *r, size_t alignment,
                   size_t size) {
    enum { LIVE = 6 };
    const struct maker *m = &makers[maker];
    void *block[LIVE];
    for (size_t i = 0; i < LIVE; i++) {
        block[i] = m->make(c->a, alignment, size);
        if (!check_that(c, block[i] || m->takes_alignment, "a block", "%s of %zu bytes gave NULL",
                        m->name, size))
            return false;
        if (block[i])
            check_fill(block[i], size, i);
    }
    for (size_t i = 0; i < LIVE; i++)
        if (block[i] &&
            (!check_that(c, check_intact(block[i], size, i) == size,
                         "a live block belongs to its owner alone",
                         "%s with alignment %zu, size %zu, ended by %s: a live block changed",
                         m->name, alignment, size, r->name) ||
             !check_that(c, r->release(r, c->a, block[i], alignment, size, i),
                         "a new block with the bytes of the old",
                         "%s with alignment %zu, size %zu, then %s: no block, or other bytes",
                         m->name, alignment, size, r->name)))
            return false;
    return true;
}

/* C++'s operators have a matrix of their own, in operators.c: their blocks are for delete alone. */
CHECK(matrix, .name = "overlap.matrix", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1, 7.22.3.3p2, 7.22.3.5p2-3, C23 7.24.3.4-5",
      .summary = "function x size x alignment x legal way to free: contents, neighbours") {
    for (size_t maker = 0; maker < MAKERS; maker++)
        for (const struct releaser *r = releasers; r < releasers + RELEASERS; r++)
            for (size_t alignment = 8; alignment <= 8192; alignment *= 4) {
                const bool aligned = makers[maker].takes_alignment;
                if (!maker_has(&makers[maker], c->a) || !releaser_takes(r, c->a, maker) ||
                    (!aligned && alignment > 8))
                    continue;
                for (size_t size = 1; size <= 300000; size = size * 2 + size / 3 + 1)
                    if (!family(c, maker, r, alignment,
                                aligned ? (size + alignment - 1) & -alignment : size))
                        return;
            }
}
