#include "mspan.h"

#include "link.h"
#include "lock.h"
#include "os.h"
#include "pallocbits.h"

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
/* Takes one bit out of a word that has some. */
static inline unsigned take_bit(uint64_t *bits, uint64_t random) {
    const unsigned turn   = (unsigned)(random >> 58);
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

/* Links slots, from anywhere in the span and in no order that anybody can tell, and takes them out.
 * So the slots beside a block are in use as often as the span is full, also while it is young. */
static inline uintptr_t link_slots(struct mspan *s, unsigned most, void **head, unsigned *count) {
    uint64_t random = s->base ^ seal_secrets.link;
    uintptr_t last  = 0;
    unsigned first  = s->search;
    for (unsigned w = first; w < s->nwords; w++)
        random = (random ^ mspan_avail(s)[w]) * seal_secrets.factor;
    for (; *count < most; ++*count) {
        while (first < s->nwords && !mspan_avail(s)[first])
            first++;
        if (first == s->nwords)
            break;
        random                 = random * 0x5851f42d4c957f2du + 1;
        const unsigned w       = some_word(s, first, random);
        const uintptr_t object = mspan_address(s, w * 64 + take_bit(&mspan_avail(s)[w], random));
        if (last)
            link_set(os_pointer(last), os_pointer(object));
        else
            *head = os_pointer(object);
        last = object;
    }
    s->search = (uint16_t)first;
    return last;
}
#else
/* Links the slots of the lowest run of set bits, at most `most`, behind `last`, and takes them out
 * of the bits. `first`: the address of bit 0. Returns the new last. */
static inline uintptr_t take_run(uint64_t *bits, uintptr_t first, size_t bytes, unsigned most,
                                 uintptr_t last, unsigned *count) {
    const unsigned from = (unsigned)__builtin_ctzll(*bits);
    const uint64_t rest = ~(*bits >> from);
    unsigned n          = rest ? (unsigned)__builtin_ctzll(rest) : 64;
    n                   = n < most ? n : most;
    *bits &= ~bits_mask(from, n);
    *count += n;
    for (uintptr_t object = first + from * bytes; n; n--, object += bytes) {
        link_set(os_pointer(last), os_pointer(object));
        last = object;
    }
    return last;
}

/* Links slots of one word behind `last`, or makes them the head if that is 0, and takes them out,
 * the lowest first. Returns the new last. */
static inline uintptr_t take_word(struct mspan *s, unsigned w, unsigned most, uintptr_t last,
                                  void **head, unsigned *count) {
    const uintptr_t first = mspan_address(s, w * 64);
    uint64_t bits         = mspan_avail(s)[w];
    if (bits && !last) { /* its link to itself is replaced next */
        last  = first + (uintptr_t)__builtin_ctzll(bits) * s->elem_bytes;
        *head = os_pointer(last);
    }
    while (bits && *count < most)
        last = take_run(&bits, first, s->elem_bytes, most - *count, last, count);
    mspan_avail(s)[w] = bits;
    return last;
}

/* The same of slots of all words. */
static inline uintptr_t link_slots(struct mspan *s, unsigned most, void **head, unsigned *count) {
    unsigned w     = s->search;
    uintptr_t last = 0;
    for (; w < s->nwords && *count < most; w++) {
        last = take_word(s, w, most, last, head, count);
        if (mspan_avail(s)[w])
            break;
    }
    s->search = (uint16_t)w;
    return last;
}
#endif

unsigned mspan_take(struct mspan *s, unsigned most, void **head) {
    unsigned count       = 0;
    *head                = NULL;
    const uintptr_t last = link_slots(s, most, head, &count);
    if (last)
        link_set(os_pointer(last), NULL);
    return count;
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

unsigned mspan_available(const struct mspan *s) {
    unsigned count = 0;
    for (unsigned w = s->search; w < s->nwords; w++)
        count += (unsigned)__builtin_popcountll(s->bits[w]);
    return count;
}
