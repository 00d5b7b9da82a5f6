#include "quarantine.h"

#ifdef GOMALLOC_HARDENED

#include "guard.h"
#include "mcache.h"
#include "mheap.h"
#include "reproach.h"

#include <string.h>

/* The first byte of [from, from + bytes) that is not zero; 0: all are. */
static uintptr_t first_set(uintptr_t from, size_t bytes) {
    for (uintptr_t at = from; at < from + bytes; at += 8)
        if (seal_load(at))
            return at + (unsigned)__builtin_ctzll(seal_load(at)) / 8;
    return 0;
}

uintptr_t quarantine_stain(uintptr_t slot, const struct hold_class *k) {
    const size_t first    = k->places ? QUARANTINE_PIECE : k->bytes;
    const uintptr_t stain = first_set(slot + HOLD_SEAL, first - HOLD_SEAL);
    return stain ? stain : first_set(quarantine_second(slot, k), QUARANTINE_PIECE);
}

void quarantine_wipe_span(struct mspan *s) {
    for (unsigned i = 0; i < s->nelems; i++) {
        seal_store(mspan_address(s, i), 0);
        quarantine_wipe(mspan_address(s, i), &hold_classes[s->spanclass],
                        hold_offset(s->elem_bytes));
    }
}

/* --- slots --- */

void quarantine_count(struct quarantine *q, size_t spanclass) {
    q->count[spanclass]++;
    q->some[spanclass / 64] |= (uint64_t)1 << spanclass % 64;
}

static void look(const void *slot, unsigned spanclass) {
    const uintptr_t at         = (uintptr_t)slot;
    const struct hold_class *k = &hold_classes[spanclass];
    if (!quarantine_is_clean(at, k, hold_offset(k->bytes)))
        reproach_write(slot, quarantine_stain(at, k));
    if (!seal_is_free(at))
        reproach_seal(slot);
}

/* --- large spans --- */

/* What is known of a block, and from where on: its begin, with the words before it. */
static const struct hold_class *large_class(struct mspan *s, uintptr_t *from) {
    const struct hold_large *l = hold_large_of(s);
    *from                      = s->base + (l->offset ? l->offset - HOLD_WIDE : 0);
    return &hold_classes[l->guard && l->size < QUARANTINE_WITHIN];
}

static void large_wipe(struct mspan *s) {
    uintptr_t from;
    const struct hold_class *k = large_class(s, &from);
    seal_store(from, 0);
    quarantine_wipe(from, k, HOLD_WIDE);
}

/* The secret behind the block stays, and is looked at, too. */
static void large_look(struct mspan *s) {
    const struct hold_large *l = hold_large_of(s);
    const struct hold h        = {
               .start = s->base, .block = s->base + l->offset, .end = hold_large_end(s), .size = l->size};
    uintptr_t from;
    const struct hold_class *k = large_class(s, &from);
    if (l->is_released)
        return;
    if (seal_load(from))
        reproach_write(os_pointer(from), first_set(from, 8));
    if (!quarantine_is_clean(from, k, HOLD_WIDE))
        reproach_write(os_pointer(from), quarantine_stain(from, k));
    const uint64_t header = seal_header(h.block, seal_says(l->size, l->kind));
    if (h.block + h.size >= from + k->bytes + 8 && hold_overflow(&h, header))
        reproach_write(os_pointer(from), h.block + h.size);
}

/* Pages of one part of the heap of so many. */
static size_t large_room(unsigned parts, size_t least) {
    /* relaxed: a heuristic */
    const size_t in_use    = atomic_load_explicit(&mheap.inuse_pages, memory_order_relaxed);
    const unsigned threads = atomic_load_explicit(&mheap.threads, memory_order_relaxed);
    const size_t share     = in_use / parts / (threads ? threads : 1);
    return share < least ? least : share;
}

static size_t resident(struct mspan *s) {
    return hold_large_of(s)->is_released ? 0 : s->npages;
}

/* Lets everybody touch all of it again. False: too many mappings, these addresses are lost. */
static bool large_open(struct mspan *s) {
    const size_t bytes         = mspan_span_bytes(s);
    const struct hold_large *l = hold_large_of(s);
    if (l->guard ? guard_lift(s->base, bytes)
                 : !l->is_released || os_protect(os_pointer(s->base), bytes, true))
        return true;
    if (l->guard)
        guard_give_up();
    os_release(os_pointer(s->base), bytes);
    return false;
}

/* Takes out what waits at a place; true: pages went back to the heap. */
static bool large_leave(struct mcache *c, struct mspan *s) {
    const bool is_released = hold_large_of(s)->is_released;
    c->quarantine.large_pages -= resident(s);
    large_look(s);
    if (!large_open(s))
        return false;
    *hold_large_of(s) = (struct hold_large){0}; /* as of a span that was none yet */
    if (!is_released && s->npages <= SPANCACHE_PAGES)
        return spancache_free(&c->spans, s);
    mheap_free_large(&c->spans.spares, s);
    return true;
}

/* The memory goes back to the system of what is too long to wait, of what the program wants
 * shorter, and of a short block with a guard. Then any access is a fault. */
static void large_come(struct mspan *s) {
    struct hold_large *l = hold_large_of(s);
    void *pages          = os_pointer(s->base);
    const size_t bytes   = mspan_span_bytes(s);
    l->is_released = (s->npages > large_room(QUARANTINE_LONGEST, QUARANTINE_PAGES) || l->is_cut ||
                      (l->guard && l->size <= HOLD_SMALL)) &&
                     os_release(pages, bytes);
    if (l->is_released)
        os_protect(pages, bytes, false);
    else
        large_wipe(s);
}

bool quarantine_large(struct mcache *c, struct mspan *s) {
    struct quarantine *q = &c->quarantine;
    const size_t room    = large_room(QUARANTINE_SHARE, QUARANTINE_PAGES >> c->spans.halved);
    const unsigned at    = quarantine_random(q) >> 61;
    struct mspan *before = q->large[at];
    large_come(s);
    q->large[at] = s;
    q->large_pages += resident(s);
    bool gave_back = before && large_leave(c, before);
    for (unsigned i = 1; q->large_pages > room && i < QUARANTINE_LARGE; i++) {
        struct mspan **other = &q->large[(at + i) % QUARANTINE_LARGE];
        before               = *other;
        *other               = NULL;
        gave_back |= before && large_leave(c, before);
    }
    return gave_back;
}

/* --- all that waits --- */

/* The next class of which something waits, from `hand` on; SPAN_CLASSES: none does. */
static unsigned next_class(const struct quarantine *q, unsigned hand) {
    for (unsigned w = hand / 64; w < sizeof q->some / sizeof *q->some; w++) {
        const uint64_t some =
            q->some[w] & (w == hand / 64 ? ~(uint64_t)0 << hand % 64 : ~(uint64_t)0);
        if (some)
            return w * 64 + (unsigned)__builtin_ctzll(some);
    }
    return SPAN_CLASSES;
}

static void sweep_class(struct quarantine *q, unsigned spanclass) {
    void **row = quarantine_row(q, spanclass);
    for (unsigned at = 0; at <= hold_classes[spanclass].waiting; at++)
        if (row[at])
            look(row[at], spanclass);
}

/* From `hand` on: a class, or one large span, for its memory may be in no cache of the processor.
 */
void quarantine_sweep(struct quarantine *q) {
    unsigned at = next_class(q, q->hand);
    if (at < SPAN_CLASSES) {
        sweep_class(q, at);
        q->hand = (uint16_t)(at + 1);
        return;
    }
    at = q->hand < SPAN_CLASSES ? 0 : q->hand - SPAN_CLASSES;
    while (at < QUARANTINE_LARGE && !q->large[at])
        at++;
    if (at < QUARANTINE_LARGE)
        large_look(q->large[at]);
    q->hand = (uint16_t)(at < QUARANTINE_LARGE ? SPAN_CLASSES + at + 1 : 0);
}

/* What waits counts as freed. A slot that no longer waits still does: who reads the books meanwhile
 * must not find less than before. */
static void count_one_free(struct mcache *c, unsigned spanclass) {
    const uint32_t version = mcache_begin_renewal(c, spanclass);
    c->quarantine.count[spanclass]--;
    c->of[spanclass].frees++;
    mcache_end_renewal(c, spanclass, version);
}

static void flush_class(struct mcache *c, unsigned spanclass) {
    struct quarantine *q = &c->quarantine;
    void **row           = quarantine_row(q, spanclass);
    for (unsigned at = 0; at <= hold_classes[spanclass].waiting; at++) {
        void *slot = row[at];
        if (!slot)
            continue;
        row[at] = NULL;
        count_one_free(c, spanclass);
        look(slot, spanclass);
        mcache_free_counted(c, spanclass, slot);
    }
    q->some[spanclass / 64] &= ~((uint64_t)1 << spanclass % 64);
}

static bool has_room(const struct mcache *c, unsigned spanclass) {
    return listroom(&c->room[spanclass], spanclass) != 0;
}

bool quarantine_came(struct mcache *c, unsigned spanclass) {
    const unsigned before = c->quarantine.alone;
    if (before == spanclass || has_room(c, spanclass))
        return false;
    c->quarantine.alone = (uint16_t)spanclass;
    if (!before || has_room(c, before))
        return false;
    flush_class(c, before);
    return true;
}

void quarantine_flush(struct mcache *c) {
    struct quarantine *q = &c->quarantine;
    for (unsigned i = next_class(q, 0); i < SPAN_CLASSES; i = next_class(q, i + 1))
        flush_class(c, i);
    for (unsigned at = 0; at < QUARANTINE_LARGE; at++) {
        struct mspan *s = q->large[at];
        q->large[at]    = NULL;
        if (s)
            large_leave(c, s);
    }
}

void quarantine_audit(struct quarantine *q, bool (*is_free)(const void *, unsigned)) {
    memset(q->some, 0, sizeof q->some);
    memset(q->count, 0, sizeof q->count);
    for (unsigned i = 0; i < SPAN_CLASSES; i++)
        for (unsigned at = 0; at < QUARANTINE_SLOTS; at++) {
            void **slot = &quarantine_row(q, i)[at];
            if (!*slot)
                continue;
            if (!is_free(*slot, i)) {
                *slot = NULL;
                continue;
            }
            q->count[i]++;
            q->some[i / 64] |= (uint64_t)1 << i % 64;
        }
    q->large_pages = 0;
    for (unsigned at = 0; at < QUARANTINE_LARGE; at++)
        q->large_pages += q->large[at] ? resident(q->large[at]) : 0;
}

#endif
