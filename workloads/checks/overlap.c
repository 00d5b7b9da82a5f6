/* No two live blocks overlap, and what is written stays. C17 7.22.3p1: "Each such allocation shall
 * yield a pointer to an object disjoint from any other object." */
#include "check.h"
#include "releasing.h"

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
    size_t shift;  /* sizes are below 2 << shift */
    unsigned from; /* FROM_*, or'ed: whose functions it calls */
    uint64_t state;
};

static uint64_t draw(struct player *p) {
    return contents_mix(p->state++);
}

static bool release(struct player *p, struct held *h) {
    if (!h->block)
        return true;
    const size_t good = contents_intact(h->block, h->size, h->key);
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
        const struct maker *m = &makers[p->from ? random % MAKERS : 0];
        const size_t aligned  = (size_t)16 << (random >> 8) % 7;
        size_t size           = 1 + (draw(p) % ((size_t)2 << random % (p->shift + 1)));
        if (!maker_has(m, p->c->a) || !(m->from & p->from))
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
        contents_fill(h->block, size, h->key);
    }
    for (size_t i = 0; i < p->slots; i++)
        if (!release(p, &p->held[i]))
            return;
}

static struct held books[4][MOST_HELD];

static void alone(struct check_run *c, size_t slots, size_t steps, size_t shift, unsigned from) {
    struct player p = {c, books[0], slots, steps, shift, from, c->seed << 32};
    play(&p);
}

CHECK(overlap_tiny, .name = "overlap.tiny", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.22.3p1", .summary = "live blocks of 1 to 16 bytes are disjoint") {
    alone(c, MOST_HELD, 200000, 3, 0);
}

CHECK(overlap_small, .name = "overlap.small", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.22.3p1", .summary = "live blocks of 1 B to 32 KiB are disjoint") {
    alone(c, MOST_HELD, 100000, 14, 0);
}

CHECK(overlap_large, .name = "overlap.large", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause = "C17 7.22.3p1", .summary = "live blocks of 1 B to 8 MiB are disjoint") {
    alone(c, 64, 1500, 22, 0);
}

/* The functions of C, and with them those of others. */
enum { C_ONLY = FROM_C17, WITH_POSIX = FROM_C17 | FROM_POSIX, WITH_MANUAL = C_ONLY | FROM_MANUAL };

static void mixed(struct check_run *c, unsigned from) {
    alone(c, 1024, 60000, 14, from);
}

CHECK(functions, .name = "overlap.functions", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1",
      .summary = "live blocks of all functions of C that allocate, mixed, are disjoint") {
    mixed(c, C_ONLY);
}

CHECK(functions_posix, .name = "overlap.functions_posix", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "C17 7.22.3p1; POSIX.1-2024 posix_memalign, reallocarray",
      .summary = "live blocks of the functions of C and POSIX, mixed, are disjoint") {
    mixed(c, WITH_POSIX);
}

CHECK(functions_memalign, .name = "overlap.functions_memalign", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_MEMALIGN, .clause = "posix_memalign(3)",
      .summary = "live blocks of memalign and of the functions of C, mixed, are disjoint") {
    mixed(c, WITH_MANUAL);
}

static void *play_thread(void *player) {
    play(player);
    return NULL;
}

static void by_threads(struct check_run *c, unsigned from) {
    pthread_t thread[4];
    struct player p[4];
    size_t made = 0;
    for (; made < 4; made++) {
        p[made] =
            (struct player){c, books[made], 1024, 60000, 12, from, (c->seed << 32) + (made << 28)};
        if (pthread_create(&thread[made], NULL, play_thread, &p[made]) != 0)
            break;
    }
    for (size_t i = 0; i < made; i++) /* they use what is on this stack */
        pthread_join(thread[i], NULL);
    if (made < 4)
        check_unsupported(c, "no thread can be created");
}

CHECK(threads, .name = "overlap.threads", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1-2",
      .summary = "live blocks of the functions of C in four threads are disjoint") {
    by_threads(c, C_ONLY);
}

CHECK(threads_posix, .name = "overlap.threads_posix", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "C17 7.22.3p1-2; POSIX.1-2024 posix_memalign, reallocarray, XSH 2.9.1",
      .summary = "live blocks of the functions of C and POSIX in four threads are disjoint") {
    by_threads(c, WITH_POSIX);
}

CHECK(threads_memalign, .name = "overlap.threads_memalign", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_MEMALIGN, .clause = "posix_memalign(3), ATTRIBUTES",
      .summary = "live blocks of memalign and the functions of C in four threads are disjoint") {
    by_threads(c, WITH_MANUAL);
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
            contents_fill(block[i], size, i);
    }
    for (size_t i = 0; i < LIVE; i++)
        if (block[i] &&
            (!check_that(c, contents_intact(block[i], size, i) == size,
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

/* Whose check a pair of functions is: that of whoever promises both. C23 and POSIX.1-2024, which is
 * of C17, have none in common but C17's. */
static unsigned judge_of(unsigned from) {
    if (from & FROM_MANUAL || (from & FROM_C23 && from & FROM_POSIX))
        return FROM_MANUAL;
    return from & FROM_POSIX ? FROM_POSIX : from & FROM_C23 ? FROM_C23 : FROM_C17;
}

/* C++'s operators have a matrix of their own, in operators.c: their blocks are for delete alone. */
static void all_pairs(struct check_run *c, unsigned judge) {
    for (size_t maker = 0; maker < MAKERS; maker++)
        for (const struct releaser *r = releasers; r < releasers + RELEASERS; r++)
            for (size_t alignment = 8; alignment <= 8192; alignment *= 4) {
                const bool aligned = makers[maker].takes_alignment;
                if (judge_of(makers[maker].from | r->from) != judge ||
                    !maker_has(&makers[maker], c->a) || !releaser_takes(r, c->a, maker) ||
                    (!aligned && alignment > 8))
                    continue;
                for (size_t size = 1; size <= 300000; size = size * 2 + size / 3 + 1)
                    if (!family(c, maker, r, alignment,
                                aligned ? (size + alignment - 1) & -alignment : size))
                        return;
            }
}

CHECK(matrix, .name = "overlap.matrix", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3p1, 7.22.3.3p2, 7.22.3.5p2-3",
      .summary = "function x size x alignment x legal way to free, of C17: contents, neighbours") {
    all_pairs(c, FROM_C17);
}

CHECK(matrix_sized, .name = "overlap.matrix_sized", .kind = CHECK_REQUIRED, .profiles = PROFILE_C23,
      .needs = NEEDS_FREE_SIZED, .clause = "C23 7.24.3.4-5",
      .summary = "function x size x alignment x sized free: contents, neighbours") {
    all_pairs(c, FROM_C23);
}

CHECK(matrix_posix, .name = "overlap.matrix_posix", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX, .needs = NEEDS_POSIX_MEMALIGN,
      .clause  = "POSIX.1-2024 posix_memalign, reallocarray, free, realloc",
      .summary = "likewise with posix_memalign or reallocarray: contents, neighbours") {
    all_pairs(c, FROM_POSIX);
}

CHECK(matrix_others, .name = "overlap.matrix_others", .kind = CHECK_EXTENSION,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_MEMALIGN, .clause = "posix_memalign(3)",
      .summary = "likewise with memalign, and what no one standard has both functions of") {
    all_pairs(c, FROM_MANUAL);
}
