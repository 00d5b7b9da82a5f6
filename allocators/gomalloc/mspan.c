#include "mspan.h"

#include "lock.h"
#include "os.h"
#ifdef GOMALLOC_HARDENED
#include "seal.h"
#endif

_Static_assert(sizeof(struct mspan) <= 64, "the header of a span is within a cache line");

void mspan_init(struct mspan *s, uintptr_t base, unsigned spanclass, bool needs_zero) {
    const unsigned class = spanclass / 2;
    s->base              = base;
    s->npages            = class_to_pages[class];
    s->elem_bytes        = class_to_size[class];
    s->magic             = class_to_magic[class];
    s->nelems            = (uint16_t)(mspan_span_bytes(s) / s->elem_bytes);
    s->nwords            = (uint16_t)((s->nelems + 63) / 64);
    s->spanclass         = (uint8_t)spanclass;
    s->needs_zero        = needs_zero;
    for (unsigned w = 0; w < s->nwords; w++)
        mspan_avail(s)[w] = ~(uint64_t)0;
    if (s->nelems % 64)
        mspan_avail(s)[s->nwords - 1] = ((uint64_t)1 << s->nelems % 64) - 1;
    /* relaxed: nobody knows the span yet; the page map publishes it */
    atomic_store_explicit(&s->word, span_word(SPAN_CACHED, s->nelems), memory_order_relaxed);
}

#ifdef GOMALLOC_HARDENED
/* Takes one bit out of a word that has some, which is of so many slots. */
static inline unsigned take_bit(uint64_t *bits, unsigned slots, uint64_t random) {
    const unsigned turn   = (unsigned)((random >> 32) * slots >> 32);
    const uint64_t turned = *bits >> turn | *bits << (-turn & 63);
    const unsigned bit    = ((unsigned)__builtin_ctzll(turned) + turn) % 64;
    *bits &= ~((uint64_t)1 << bit);
    return bit;
}

/* One of the words from `first` on that have some; that one does. */
static inline unsigned some_word(const struct mspan *s, unsigned first, uint64_t random) {
    unsigned w = first + (unsigned)((random >> 26 & UINT32_MAX) * (s->nwords - first) >> 32);
    while (!s->bits[w])
        w = w + 1 < s->nwords ? w + 1 : first;
    return w;
}

/* From anywhere in the span and in no order that anybody can tell. So the slots beside a block are
 * in use as often as the span is full, also while it is young. */
static inline void take_slots(struct mspan *s, unsigned n, void **to) {
    uint64_t random = s->base ^ seal_secrets.places;
    unsigned first  = s->search;
    for (unsigned w = first; w < s->nwords; w++)
        random = (random ^ mspan_avail(s)[w]) * seal_secrets.factor;
    for (unsigned i = 0; i < n; i++) {
        while (!mspan_avail(s)[first])
            first++;
        random                 = random * 0x5851f42d4c957f2du + 1;
        const unsigned w       = some_word(s, first, random);
        const unsigned slots   = s->nelems - w * 64 < 64 ? s->nelems - w * 64 : 64;
        const unsigned bit     = take_bit(&mspan_avail(s)[w], slots, random);
        const uintptr_t object = mspan_address(s, w * 64 + bit);
        /* A bit that is gone leaves the next one twice the chance: so runs of neighbours grow.
         * Among those taken it goes anywhere. */
        random           = random * 0x5851f42d4c957f2du + 1;
        const unsigned j = (unsigned)((random >> 32) * (i + 1) >> 32);
        to[i]            = to[j];
        to[j]            = os_pointer(object);
    }
    s->search = (uint16_t)first;
}
#else
/* The lowest slots, the lowest last. */
static inline void take_slots(struct mspan *s, unsigned n, void **to) {
    unsigned w = s->search;
    while (n) {
        const uintptr_t first = mspan_address(s, w * 64);
        uint64_t bits         = mspan_avail(s)[w];
        for (; bits && n; bits &= bits - 1)
            to[--n] = os_pointer(first + (uintptr_t)__builtin_ctzll(bits) * s->elem_bytes);
        mspan_avail(s)[w] = bits;
        w += !bits;
    }
    s->search = (uint16_t)w;
}
#endif

unsigned mspan_available(const struct mspan *s) {
    unsigned count = 0;
    for (unsigned w = s->search; w < s->nwords; w++)
        count += (unsigned)__builtin_popcountll(s->bits[w]);
    return count;
}

unsigned mspan_take(struct mspan *s, unsigned most, void **to) {
    const unsigned count = mspan_available(s), n = count < most ? count : most;
    take_slots(s, n, to);
    return n;
}

void mspan_note_freed(struct mspan *s, unsigned w, uint64_t bits) {
    /* release: step 1 of the protocol */
    const uint64_t before =
        atomic_fetch_or_explicit(&mspan_freed(s)[w], bits, memory_order_release);
    assert(!(before & bits));
    (void)before;
}

enum span_duty mspan_count_freed(struct mspan *s, unsigned count) {
    uint32_t old = atomic_load_explicit(&s->word, memory_order_relaxed), new;
    enum span_duty duty;
    do {
        const uint32_t live   = span_live(old) - count;
        enum span_state state = span_state(old);
        duty                  = DUTY_NONE;
        assert(span_live(old) >= count && state >= SPAN_CACHED && state <= SPAN_PARTIAL);
        if (live == 0 && (state == SPAN_FULL || state == SPAN_PARTIAL)) {
            duty  = state == SPAN_FULL ? DUTY_RELEASE : DUTY_REMOVE_RELEASE;
            state = SPAN_EMPTYING;
        } else if (state == SPAN_FULL && live < s->nelems) {
            duty  = DUTY_PUSH;
            state = SPAN_PUSHING;
        }
        new = span_word(state, live);
        /* acquire and release: step 2 of the protocol */
    } while (!atomic_compare_exchange_weak_explicit(&s->word, &old, new, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return duty;
}

unsigned mspan_merge(struct mspan *s) {
    uint64_t bits[SPAN_MANY_WORDS];
    unsigned count = 0, first = s->nwords;
    for (unsigned w = s->nwords; w-- > 0;) {
        _Atomic uint64_t *freed = &mspan_freed(s)[w];
        bits[w]                 = 0;
        if (atomic_load_explicit(freed, memory_order_relaxed) == 0)
            continue;
        /* acquire: pairs with step 1 of a free */
        bits[w] = atomic_exchange_explicit(freed, 0, memory_order_acquire);
        assert(!(mspan_avail(s)[w] & bits[w]));
        count += (unsigned)__builtin_popcountll(bits[w]);
        first = w;
    }
    if (!count)
        return 0;
    s->needs_zero = true;
    /* relaxed: the number alone matters; who ends at 0 has acquired the others' releases */
    atomic_fetch_add_explicit(&s->word, count, memory_order_relaxed);
    lock_in_order(); /* reserved before they are available: a fork in between loses them */
    for (unsigned w = first; w < s->nwords; w++)
        mspan_avail(s)[w] |= bits[w];
    if (first < s->search)
        s->search = (uint16_t)first;
    return count;
}

bool mspan_give_up_full(struct mspan *s) {
    /* acquire: pairs with step 2 of a free, whose bit the merge below must then see */
    uint32_t word = atomic_load_explicit(&s->word, memory_order_acquire);
    assert(span_state(word) == SPAN_CACHED);
    if (mspan_merge(s) || span_live(word) < s->nelems)
        return false;
    /* release: hands the plain fields over to the next owner */
    return atomic_compare_exchange_strong_explicit(&s->word, &word,
                                                   span_word(SPAN_FULL, span_live(word)),
                                                   memory_order_release, memory_order_relaxed);
}
