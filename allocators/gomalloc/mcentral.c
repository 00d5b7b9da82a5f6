#include "mcentral.h"

struct mcentral mcentrals[SPAN_CLASSES];

static void append(struct partial *c, struct mspan *s) {
    s->next     = NULL;
    s->previous = c->last;
    lock_in_order();
    if (c->last)
        c->last->next = s;
    else
        c->first = s;
    c->last = s;
    c->count++;
}

static void unlink_span(struct partial *c, struct mspan *s) {
    c->count--;
    if (s->previous)
        s->previous->next = s->next;
    else
        c->first = s->next;
    if (s->next)
        s->next->previous = s->previous;
    else
        c->last = s->previous;
}

/* PARTIAL -> CACHED; false: it is EMPTYING, somebody is about to take it away. */
static bool claim(struct mspan *s) {
    uint32_t old = atomic_load_explicit(&s->word, memory_order_relaxed);
    while (span_state(old) == SPAN_PARTIAL)
        /* acquire: pairs with the release of who left the span */
        if (atomic_compare_exchange_weak_explicit(&s->word, &old,
                                                  span_word(SPAN_CACHED, span_live(old)),
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    return false;
}

/* Under the lock: the first span of a list that can be had. */
static struct mspan *take_first(struct partial *list) {
    struct mspan *s = list->first;
    while (s && !claim(s))
        s = s->next;
    if (s)
        unlink_span(list, s);
    return s;
}

struct mspan *mcentral_take(unsigned spanclass, unsigned home, unsigned keeps) {
    struct mcentral *c = &mcentrals[spanclass];
    lock_acquire(&c->lock);
    struct mspan *s = take_first(&c->partial[home]);
    for (unsigned i = 1; i < HOMES && !s; i++) {
        struct partial *other = &c->partial[(home + i) % HOMES];
        if (other->count > keeps)
            s = take_first(other);
    }
    if (s)
        s->home = (uint8_t)home;
    lock_release(&c->lock);
    if (!s)
        return NULL;
    /* What the last owner left available is reserved again. */
    const unsigned left = mspan_available(s);
    if (left) /* relaxed: as in mspan_merge */
        atomic_fetch_add_explicit(&s->word, left, memory_order_relaxed);
    mspan_merge(s);
    return s;
}

/* Under the lock: the span becomes PARTIAL with `less` slots fewer, or EMPTYING, true. It is listed
 * first, so that a forked child finds no PARTIAL span that is on no list. */
static bool settle(struct mcentral *c, struct mspan *s, unsigned less) {
    struct partial *list = &c->partial[s->home];
    uint32_t old         = atomic_load_explicit(&s->word, memory_order_relaxed), live;
    enum span_state state;
    append(list, s);
    do {
        live  = span_live(old) - less;
        state = live ? SPAN_PARTIAL : SPAN_EMPTYING;
        /* release: hands the span over to the next owner. acquire: comes after all use of it */
    } while (!atomic_compare_exchange_weak_explicit(&s->word, &old, span_word(state, live),
                                                    memory_order_acq_rel, memory_order_relaxed));
    if (!live)
        unlink_span(list, s);
    return live == 0;
}

bool mcentral_push(struct mspan *s) {
    struct mcentral *c = &mcentrals[s->spanclass];
    lock_acquire(&c->lock);
    const bool empty = settle(c, s, 0);
    lock_release(&c->lock);
    return empty;
}

void mcentral_remove(struct mspan *s) {
    struct mcentral *c = &mcentrals[s->spanclass];
    lock_acquire(&c->lock);
    unlink_span(&c->partial[s->home], s);
    lock_release(&c->lock);
}

bool mcentral_uncache(struct mspan *s) {
    struct mcentral *c = &mcentrals[s->spanclass];
    unsigned available;
    do {
        mspan_merge(s);
        available = mspan_available(s);
    } while (!available && !mspan_give_up_full(s));
    if (!available)
        return false;
    lock_acquire(&c->lock);
    const bool empty = settle(c, s, available);
    lock_release(&c->lock);
    return empty;
}

/* The links forward are right at any time, for a span comes and goes by one store to them; all else
 * is told from them. A span on the list that is owned was on its way there, or away: it is listed
 * for good. Its `live` may hold what its owner had reserved: too large, which loses no more than
 * its pages. */
static void mend(struct partial *list, unsigned home) {
    struct mspan *previous = NULL;
    list->count            = 0;
    for (struct mspan *s = list->first; s; previous = s, s = s->next) {
        uint32_t old = atomic_load_explicit(&s->word, memory_order_relaxed);
        /* relaxed: there is no other thread; the one that there is may have been interrupted */
        while (span_state(old) != SPAN_EMPTYING &&
               !atomic_compare_exchange_weak_explicit(&s->word, &old,
                                                      span_word(SPAN_PARTIAL, span_live(old)),
                                                      memory_order_relaxed, memory_order_relaxed))
            continue;
        s->previous = previous;
        s->home     = (uint8_t)home; /* one that was on its way away may name another list */
        list->count++;
    }
    list->last = previous;
}

void mcentral_after_fork(void) {
    for (unsigned i = 0; i < SPAN_CLASSES; i++)
        if (lock_after_fork(&mcentrals[i].lock))
            for (unsigned home = 0; home < HOMES; home++)
                mend(&mcentrals[i].partial[home], home);
}
