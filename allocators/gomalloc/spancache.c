#include "spancache.h"

#include "arena.h"
#include "hardened.h"
#include "mheap.h"
#include "quarantine.h"

#include <string.h>

_Static_assert(SPANCACHE_PAGES <= 64, "`some` has a bit for each length");
_Static_assert(SPANCACHE_LEAST >= SPANCACHE_PAGES, "where room is full, any span has some");
_Static_assert(SPANCACHE_SLOTS <= 64 * SPAN_FEW_WORDS, "small and large descriptors are alike");

static void set_dead(struct mspan *s) {
    /* relaxed: nobody else knows the span any more */
    atomic_store_explicit(&s->word, span_word(SPAN_DEAD, 0), memory_order_relaxed);
}

/* The first of a list that is not empty. */
static struct mspan *take(struct spancache *c, unsigned list) {
    struct mspan *s = c->first[list];
    c->first[list]  = s->next;
    lock_in_order(); /* off the list, before it is anything else */
    if (!s->next)
        c->some &= ~((uint64_t)1 << list);
    c->pages -= list + 1;
    s->next = NULL;
    return s;
}

static void note_visit(struct spancache *c) {
    if (c->halved && c->run < SPANCACHE_RUN && ++c->visits == SPANCACHE_VISITS) {
        c->visits = 0;
        c->halved--;
    }
}

/* The shortest span of n to n + spare pages. */
static struct mspan *take_fitting(struct spancache *c, size_t n, size_t spare) {
    c->run = 0;
    if (n > SPANCACHE_PAGES)
        return NULL;
    const uint64_t fit = c->some >> (n - 1) & (((uint64_t)2 << spare) - 1);
    if (!fit)
        return NULL;
    return take(c, (unsigned)n - 1 + (unsigned)__builtin_ctzll(fit));
}

struct mspan *spancache_alloc_large(struct spancache *c, size_t n, bool noscan) {
    struct mspan *s = take_fitting(c, n, n / SPANCACHE_SPARE);
    if (!s)
        return NULL;
    note_visit(c); /* what small blocks do tells nothing of large ones */
    s->spanclass = noscan;
    /* relaxed: whoever gets to know the block comes after, by what the program does */
    atomic_store_explicit(&s->word, span_word(SPAN_LARGE, 1), memory_order_relaxed);
    if (arena_span(s->base) != s) /* it was none, before */
        mheap_map_span(s);
    return s;
}

struct mspan *spancache_alloc_small(struct spancache *c, unsigned spanclass) {
    const unsigned class = spanclass / 2, n = class_to_pages[class];
    if (n * PAGE_BYTES / class_to_size[class] > SPANCACHE_SLOTS)
        return NULL;
    struct mspan *s = take_fitting(c, n, 0);
    if (!s)
        return NULL;
    mspan_init(s, s->base, spanclass, true);
    if (HARDENED)
        quarantine_wipe_span(s);
    mheap_map_span(s);
    return s;
}

/* So many pages may wait, of what the heap has in use and of the threads that there are now. */
static size_t room(const struct spancache *c) {
    /* relaxed: a heuristic */
    const size_t in_use    = atomic_load_explicit(&mheap.inuse_pages, memory_order_relaxed);
    const unsigned threads = atomic_load_explicit(&mheap.threads, memory_order_relaxed);
    const size_t share     = in_use / SPANCACHE_SHARE / (threads ? threads : 1);
    const size_t least     = SPANCACHE_LEAST >> c->halved;
    return share < least ? least : share > SPANCACHE_MOST ? SPANCACHE_MOST : share;
}

/* What may wait when a span of n pages comes. */
static size_t room_for(const struct spancache *c, size_t n) {
    return n <= SPANCACHE_SHORT || c->room < SPANCACHE_LEAST ? c->room : SPANCACHE_LEAST;
}

/* One span of each list in turn. */
static struct mspan *take_next(struct spancache *c) {
    const uint64_t later = c->some & -((uint64_t)1 << c->hand);
    const unsigned list  = (unsigned)__builtin_ctzll(later ? later : c->some);
    c->hand              = (list + 1) % SPANCACHE_PAGES;
    return take(c, list);
}

/* Gives spans back until no more than `keep` pages wait: a few at a time, for the heap's lock is
 * awaited by others. */
static void give_back(struct spancache *c, size_t keep) {
    enum { AT_ONCE = 8 };
    while (c->some && c->pages > keep) {
        struct mspan *dead[AT_ONCE];
        unsigned n = 0;
        lock_acquire(&mheap.lock);
        for (; n < AT_ONCE && c->some && c->pages > keep; n++) {
            struct mspan *s = dead[n] = take_next(c);
            mheap_unmap_span(s);
            /* relaxed: a statistic. Each before it is free: a forked child counts no free page as
             * in use. */
            atomic_fetch_sub_explicit(&mheap.inuse_pages, s->npages, memory_order_relaxed);
            lock_in_order();
            pagealloc_free(&mheap.pages, s->base, s->npages, false);
        }
        mheap_note_dirty();
        lock_release(&mheap.lock);
        while (n > 0)
            fixalloc_free_near(&mheap.few, &c->spares, dead[--n]);
    }
}

/* A span of small objects leaves a descriptor as of a large one. */
static void forget_slots(struct mspan *s) {
    const uintptr_t base = s->base;
    const size_t n       = s->npages;
    mheap_unmap_span(s);
    memset(s, 0, mspan_bytes(SPAN_FEW_WORDS));
    s->base   = base;
    s->npages = n;
}

/* There is no room for a span of n pages, or so it seems: looks how much may wait now, and makes
 * room. True: some went back. */
static bool make_room(struct spancache *c, size_t n) {
    c->room = room(c);
    if (c->pages + n > room_for(c, n) && c->run < SPANCACHE_RUN)
        c->run++;
    const bool is_burst = c->run == SPANCACHE_RUN;
    if (is_burst)
        c->room /= SPANCACHE_BURST;
    const size_t most = room_for(c, n), fit = most > n ? most - n : 0;
    const size_t kept = is_burst ? 0 : most / 4 * 3;
    if (c->pages <= fit)
        return false;
    give_back(c, fit < kept ? fit : kept);
    return true;
}

bool spancache_free(struct spancache *c, struct mspan *s) {
    const size_t n = s->npages;
    if (s->elem_bytes)
        forget_slots(s);
    set_dead(s);
    s->needs_zero        = true;
    s->has_spare         = false;
    const bool gave_back = c->pages + n > room_for(c, n) && make_room(c, n);
    s->next              = c->first[n - 1];
    lock_in_order(); /* the list is whole at any time */
    c->first[n - 1] = s;
    c->some |= (uint64_t)1 << (n - 1);
    c->pages += n;
    if (n <= c->room)
        return gave_back;
    note_visit(c);
    give_back(c, 0);
    return true;
}

void spancache_flush(struct spancache *c) {
    give_back(c, 0);
    c->room = 0; /* until it is wanted */
}

void spancache_audit(struct spancache *c) {
    c->some  = 0;
    c->pages = 0;
    for (unsigned i = 0; i < SPANCACHE_PAGES; i++)
        for (const struct mspan *s = c->first[i]; s; s = s->next) {
            c->some |= (uint64_t)1 << i;
            c->pages += i + 1;
        }
}
