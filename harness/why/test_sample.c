/* Two threads at one place of the counter's sample. Between any two operations of the one, the
 * other does all that it does: it puts a block of the same set there, or removes one. Whoever looks
 * meanwhile finds no block with another's size.
 *
 * sample.c is here with a step before each atomic operation. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static void step(void);

// NOLINTNEXTLINE(readability-non-const-parameter): the operation writes to it
static bool swap_32(_Atomic uint32_t *at, uint32_t *found, uint32_t to) {
    return atomic_compare_exchange_strong(at, found, to);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the operation writes to it
static bool swap_64(_Atomic uint64_t *at, uint64_t *found, uint64_t to) {
    return atomic_compare_exchange_strong(at, found, to);
}

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_compare_exchange_strong_explicit
#define atomic_load_explicit(at, order)      (step(), *(at))
#define atomic_store_explicit(at, to, order) (step(), (void)(*(at) = (to)))
#define atomic_compare_exchange_strong_explicit(at, found, to, yes, no)                            \
    (step(), _Generic((at), _Atomic uint32_t * : swap_32, default : swap_64)(at, found, to))

#include "sample.c" // NOLINT(bugprone-suspicious-include)

#include "tap.h"

#include <stdlib.h>

enum { STEPS = 200 }; /* more than there are in one call */
static const size_t large = (size_t)1 << 30, small = 64;

struct why_shared *count_book;

void outside_has_block(uint64_t address) {
    (void)address; /* no mapping here is the program's own */
}

static struct why_sample *set;       /* in which all blocks here have their places */
static unsigned steps, stop_at;      /* before which the other thread has its turn; 0: never */
static void (*other)(void);          /* what it does */
static void *big, *little, *further; /* only `little` lies in a sampled granule */
static void (*at_step)(void);        /* NULL: it is not a step */
static unsigned wrong;               /* looks that found a block with another size */

static void *pointer(uint64_t address) {
    return (void *)(uintptr_t)address; // NOLINT(performance-no-int-to-ptr): nobody touches it
}

/* The next address from `from` on, in the set or the first there is. */
static uint64_t find(uint64_t from, bool sampled) {
    while ((why_granule_hash(from) < why_hash_limit(0)) != sampled ||
           (set && &count_book->sample[first_place(from)] != set))
        from += sampled ? 16 : (uint64_t)1 << WHY_GRANULE_SHIFT;
    return from;
}

static unsigned times_there(const void *block, size_t usable) {
    unsigned count = 0;
    for (unsigned i = 0; i < WAYS; i++) {
        uint64_t found, size;
        if (!why_read_sample(&set[i], &found, &size) ||
            why_block_address(found) != (uintptr_t)block)
            continue;
        count++;
        wrong += size >> WHY_SLACK_BITS != usable;
    }
    return count;
}

static void look(void) {
    (void)times_there(big, large);
    (void)times_there(further, large);
    (void)times_there(little, small);
}

static void step(void) {
    void (*looks)(void) = at_step;
    if (!looks)
        return;
    at_step = NULL;
    looks();
    at_step = looks;
    if (++steps != stop_at)
        return;
    stop_at = 0;
    other();
}

static void be_empty(void) {
    stop_at = 0;
    memset(set, 0, WAYS * sizeof *set);
}

/* The other thread has its turn before the step of this number, or else in `finish`. */
static void begin(unsigned at, void (*what)(void)) {
    other   = what;
    steps   = 0;
    stop_at = at;
}

static void finish(void) {
    const bool waits = stop_at != 0;
    stop_at          = 0;
    if (waits)
        other();
}

static void add_little(void) {
    sample_add(little, small, small, 2);
}

static void remove_big(void) {
    sample_remove(big);
}

/* With `big` left behind by a lower level: it is of the sample no more. */
static void put_stale_big(void) {
    atomic_store_explicit(&sample_large, large, memory_order_relaxed);
    sample_add(big, large, large, 1);
    atomic_store_explicit(&sample_large, 2 * large, memory_order_relaxed);
}

static void test_two_puts(void) {
    unsigned lost = 0;
    for (unsigned at = 1; at <= STEPS; at++) {
        be_empty();
        begin(at, add_little);
        sample_add(big, large, large, 1);
        finish();
        lost += times_there(big, large) != 1 || times_there(little, small) != 1;
    }
    IS(lost, 0, "a block that comes while another takes a place: both are there");
    IS(wrong, 0, "... each with its own size, at each step");
}

static void test_a_stale_place(void) {
    unsigned lost = 0;
    for (unsigned at = 1; at <= STEPS; at++) {
        be_empty();
        put_stale_big();
        begin(at, remove_big);
        add_little();
        finish();
        lost += times_there(little, small) != 1;
        atomic_store_explicit(&sample_large, large, memory_order_relaxed);
    }
    IS(lost, 0, "the block of a stale place is removed while another takes it: that one stays");
    lost = 0;
    for (unsigned at = 1; at <= STEPS; at++) {
        be_empty();
        put_stale_big();
        begin(at, add_little);
        sample_remove(big);
        finish();
        lost += times_there(little, small) != 1 || times_there(big, large) != 0;
        atomic_store_explicit(&sample_large, large, memory_order_relaxed);
    }
    IS(lost, 0, "... and the other way round");
    IS(wrong, 0, "... each with its own size");
}

static void test_a_look(void) {
    uint64_t found, size;
    unsigned mixed = 0, none = 0;
    for (unsigned at = 1; at <= STEPS; at++) {
        be_empty();
        put_stale_big();
        begin(at, add_little);
        if (!why_read_sample(&set[0], &found, &size))
            none++;
        else
            mixed += size >> WHY_SLACK_BITS !=
                     (why_block_address(found) == (uintptr_t)big ? large : small);
        atomic_store_explicit(&sample_large, large, memory_order_relaxed);
    }
    IS(mixed, 0, "the place changes while somebody looks: no block with another's size");
    OK(none > 0 && none < STEPS, "... then it counts as empty");
}

/* A thread was killed, or a fork copied the place, between the claim and the block. */
static void test_a_place_that_is_lost(void) {
    be_empty();
    atomic_store_explicit(&set[0].block, WHY_CLAIMED, memory_order_relaxed);
    sample_add(big, large, large, 1);
    sample_add(further, large, large, 1);
    OK(times_there(big, large) == 1 && times_there(further, large) == 1,
       "beside a place that stays claimed, blocks are put");
    sample_remove(big);
    sample_remove(further);
    OK(times_there(big, large) == 0 && times_there(further, large) == 0, "... and removed");
    IS(atomic_load_explicit(&set[0].block, memory_order_relaxed), WHY_CLAIMED,
       "... and it is nobody's");
}

int main(void) {
    count_book = calloc(1, sizeof *count_book);
    if (!count_book)
        return 1;
    const uint64_t first = find(UINT64_C(1) << 40, true);
    set                  = &count_book->sample[first_place(first)];
    little               = pointer(first);
    big                  = pointer(find(UINT64_C(1) << 41, false));
    further              = pointer(find((uintptr_t)big + large, false));
    at_step              = look;
    test_two_puts();
    test_a_stale_place();
    test_a_look();
    test_a_place_that_is_lost();
    free(count_book);
    return tap_done();
}
