/* A span's bitmaps and the transitions of its state, one thread after the other; test_stress.c has
 * the threads at the same time. And the allocator of descriptors. */
#include "fixalloc.h"
#include "hardened.h"
#include "mcentral.h"
#include "os.h"
#include "tap.h"

#include <stdlib.h>

/* A free of slots of one word. */
static enum span_duty free_remote(struct mspan *s, unsigned w, uint64_t bits, unsigned count) {
    mspan_note_freed(s, w, bits);
    return mspan_count_freed(s, count);
}

/* As many pages as the largest span has. */
static _Alignas(PAGE_BYTES) char pages[SPAN_MAX_PAGES * PAGE_BYTES];

static struct mspan *new_span(unsigned class) {
    struct mspan *s = calloc(1, mspan_bytes(SPAN_MANY_WORDS));
    if (s)
        mspan_init(s, (uintptr_t)pages, class * 2, false);
    return s;
}

static enum span_state state_of(struct mspan *s) {
    return span_state(atomic_load(&s->word));
}

/* What mspan_take gave last. */
static void *taken[SPAN_MAX_SLOTS];

static void test_take(void) {
    unsigned wrong = 0;
    for (unsigned class = 1; class < SIZE_CLASSES; class ++) {
        struct mspan *s                = new_span(class);
        const size_t bytes             = class_to_size[class];
        uint64_t seen[SPAN_MANY_WORDS] = {0};
        unsigned all                   = 0, n;
        taken[7]                       = NULL;
        while ((n = mspan_take(s, 7, taken)) > 0) {
            wrong += n > 7 || (n < 7 && all + n != s->nelems) || taken[7] != NULL;
            for (unsigned i = n; i-- > 0; all++) {
                const unsigned slot = mspan_slot(s, (uintptr_t)taken[i] + 7);
                wrong += slot * bytes != (size_t)((char *)taken[i] - pages) ||
                         (seen[slot / 64] >> slot % 64 & 1) || (!HARDENED && slot != all);
                seen[slot / 64] |= (uint64_t)1 << slot % 64;
            }
        }
        wrong += all != s->nelems || mspan_available(s) != 0;
        free(s);
    }
    IS(wrong, 0, "each class: slots come in order (hardened: in none), each once, and all");
}

static void test_free_owned(void) {
    struct mspan *s = new_span(1);
    mspan_take(s, 1024, taken);
    mspan_free_owned(s, 700 / 64, (uint64_t)1 << 700 % 64);
    mspan_free_owned(s, 0, 1 << 3);
    IS(mspan_available(s), 2, "two slots are available again");
    IS(mspan_take(s, 9, taken), 2, "both come");
    char *const low = pages + 3 * 8, *const high = pages + 700 * 8;
    OK((taken[1] == low && taken[0] == high) || (HARDENED && taken[1] == high && taken[0] == low),
       "the lower one on top (hardened: in no order)");
    OK(s->needs_zero, "and may hold old bytes");
    free(s);
}

static void test_remote(void) {
    struct mspan *s = new_span(2); /* 512 slots */
    mspan_take(s, 512, taken);
    IS(free_remote(s, 1, 6, 2), DUTY_NONE, "a free into a cached span is only noted");
    OK(!mspan_give_up_full(s), "so it is not full");
    IS(mspan_available(s), 2, "and the slots have been merged");
    mspan_take(s, 2, taken);
    OK(mspan_give_up_full(s) && state_of(s) == SPAN_FULL, "now it is full");
    IS(free_remote(s, 7, 1, 1), DUTY_PUSH, "the first free into a full span must push it");
    IS(free_remote(s, 7, 2, 1), DUTY_NONE, "the second need not");
    OK(!mcentral_push(s) && state_of(s) == SPAN_PARTIAL, "it is on the list");
    OK(mcentral_take(4, 0, 0) == s && mcentral_take(4, 0, 0) == NULL,
       "from there it is taken, once");
    IS(mspan_available(s), 2, "with what was freed");
    OK(!mcentral_uncache(s) && state_of(s) == SPAN_PARTIAL, "given up, it is on the list again");
    enum span_duty duty = DUTY_NONE;
    for (unsigned slot = 0; slot < 512; slot++)
        if (slot != 448 && slot != 449)
            duty = free_remote(s, slot / 64, (uint64_t)1 << slot % 64, 1);
    IS(duty, DUTY_REMOVE_RELEASE, "the free of the last slot must take it off and release it");
    OK(mcentral_take(4, 0, 0) == NULL, "nobody else gets it meanwhile");
    mcentral_remove(s);
    OK(mcentrals[4].partial[0].first == NULL && mcentrals[4].partial[0].last == NULL,
       "the list is empty");
    free(s);
}

/* Partly available, given up, partly freed: nothing may be forgotten. */
static void test_leftovers(void) {
    if (HARDENED) {
        tap_skip("what was available", "hardened, nobody knows which slots are taken");
        return;
    }
    struct mspan *s = new_span(2);
    mspan_take(s, 100, taken);
    mcentral_uncache(s);
    free_remote(s, 0, 1, 1);
    free_remote(s, 1, 1, 1);
    mcentral_take(4, 0, 0);
    IS(mspan_available(s), 512 - 98, "what was available and what was freed is there");
    IS(mspan_take(s, 512, taken), 512 - 98, "and can be taken");
    IS(span_live(s->word), 512, "all slots count as live");
    free(s);
}

static void test_single_slot(void) {
    struct mspan *s = new_span(67);
    mspan_take(s, 5, taken);
    OK(mspan_give_up_full(s), "a span with one slot is full");
    IS(free_remote(s, 0, 1, 1), DUTY_RELEASE, "its free releases it, without a list");
    free(s);
    s = new_span(67);
    OK(mcentral_uncache(s) && state_of(s) == SPAN_EMPTYING, "an untouched span is given back");
    free(s);
}

/* Three spans that the threads of home 0 have left. */
static void test_homes(void) {
    struct mspan *s[3];
    for (unsigned i = 0; i < 3; i++) {
        s[i] = new_span(44); /* two slots; nothing is read or written there */
        mspan_take(s[i], 1, taken);
        mcentral_uncache(s[i]);
    }
    OK(mcentral_take(88, 1, 2) == s[0], "of three spans, another home gets the first");
    OK(mcentral_take(88, 1, 2) == NULL, "two are left to their own threads");
    OK(mcentral_take(88, 0, 2) == s[1], "who get them");
    OK(mcentral_take(88, 1, 0) == s[2], "and the last one goes, where there is no memory");
    IS(mcentrals[88].partial[0].count, 0, "then there is none");
    for (unsigned i = 0; i < 3; i++)
        free(s[i]);
}

/* Nothing is written: behind a region there may be nothing. */
static void test_fixalloc_regions(void) {
    enum { N = 3 * FIXALLOC_REGION / 192 };
    static struct fixalloc f = FIXALLOC(192);
    unsigned beyond          = 0;
    for (unsigned i = 0; i < N; i++) {
        const uintptr_t at = (uintptr_t)fixalloc_alloc(&f) % FIXALLOC_REGION;
        beyond += at < 64 || at + 192 > FIXALLOC_REGION;
    }
    IS(beyond, 0, "each object lies within its region, behind the header");
    IS(f.sys, 4 * FIXALLOC_REGION, "and regions are full before there is another");
}

static void test_fixalloc(void) {
    enum { N = 10000, SIZE = 192 };
    static struct fixalloc f = FIXALLOC(SIZE - 5);
    static unsigned char *object[N];
    unsigned wrong = 0;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            object[i] = fixalloc_alloc(&f);
            for (unsigned b = 0; b < SIZE; b++)
                wrong += object[i][b] != 0;
            memset(object[i], (int)i, SIZE);
            wrong += (uintptr_t)object[i] % 64 != 0;
        }
        for (unsigned i = 0; i < N; i++) {
            for (unsigned b = 0; b < SIZE; b++)
                wrong += object[i][b] != (unsigned char)i;
            if (round != 1 || i % 2)
                fixalloc_free(&f, object[i]);
        }
        for (unsigned i = 0; round == 1 && i < N; i += 2)
            fixalloc_free(&f, object[i]);
        IS(f.in_use, 0, "round %u: nothing is in use", round);
        if (round == 0)
            OK(fixalloc_trim(&f) > (size_t)N * SIZE * 9 / 10, "the memory can be given back");
    }
    IS(wrong, 0, "objects are zeroed, aligned, and do not overlap");
    OK(f.sys < (size_t)N * SIZE * 2, "and their memory is used again");
}

/* A thread's own free objects: how many, and what they count as. */
static void test_fixalloc_spares(void) {
    enum { N = 3 * FIXALLOC_SPARES, SIZE = 128 };
    static struct fixalloc f = FIXALLOC(SIZE);
    static char *object[N];
    struct fixalloc_spares own = {NULL};
    size_t wrong               = 0;
    for (unsigned i = 0; i < N; i++)
        memset(object[i] = fixalloc_alloc_near(&f, &own), 1, SIZE);
    for (unsigned i = 0; i < N; i++)
        fixalloc_free_near(&f, &own, object[i]);
    IS(f.in_use, FIXALLOC_SPARES * SIZE, "eight are a thread's own, and the others free");
    for (unsigned i = 0; i < FIXALLOC_SPARES; i++) {
        object[i] = fixalloc_alloc_near(&f, &own);
        for (unsigned at = 0; at < SIZE; at++)
            wrong += object[i][at] != 0;
        memset(object[i], 1, SIZE);
    }
    OK(f.in_use == FIXALLOC_SPARES * SIZE && !own.first, "they serve first");
    IS(wrong, 0, "and are zeroed");
    for (unsigned i = 0; i < FIXALLOC_SPARES; i++)
        fixalloc_free_near(&f, &own, object[i]);
    fixalloc_free_near(&f, NULL, fixalloc_alloc_near(&f, NULL));
    fixalloc_flush(&f, &own);
    OK(f.in_use == 0 && !own.first, "a flush frees them");
}

int main(void) {
    test_take();
    test_free_owned();
    test_remote();
    test_leftovers();
    test_single_slot();
    test_homes();
    test_fixalloc_regions();
    test_fixalloc();
    test_fixalloc_spares();
    return tap_done();
}
