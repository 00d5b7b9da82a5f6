#include "sample.h"

#include "count.h"
#include "outside.h"

#include <stdbool.h>

enum {
    WAYS         = 16, /* places in which a block may be: the first lines of the cache do mostly */
    MOST_LEVEL   = 20,
    MOST_REGIONS = 256, /* of one block that are noted */
    REGION_SHIFT = 20,
    PAGE_SHIFT   = 12,
    NOTED        = 256,
};

/* Pages that were noted lately: what was noted stays so. A thread that reads an old number notes
 * the page once more: relaxed. */
static _Atomic uint64_t noted[NOTED];

_Atomic uint32_t sample_limit = UINT32_MAX / WHY_SAMPLE_EVERY;
_Atomic uint64_t sample_large = WHY_LARGE;

static unsigned first_place(uint64_t address) {
    return (unsigned)((address >> 4) * UINT64_C(0xD6E8FEB86659FD93) >> 40) & (WHY_SAMPLES - WAYS);
}

/* Is it empty, or left behind when the level rose? `found` is what is there. */
static bool is_free(const struct why_sample *s, uint64_t *found) {
    uint64_t size;
    if (!why_read_sample(s, found, &size))
        return !*found;
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return !sample_has((void *)why_block_address(*found), size >> WHY_SLACK_BITS);
}

static bool put(uint64_t block, uint64_t size) {
    struct why_sample *first = &count_book->sample[first_place(why_block_address(block))];
    for (struct why_sample *s = first; s < first + WAYS; s++) {
        uint64_t found;
        if (!is_free(s, &found) ||
            !atomic_compare_exchange_strong_explicit(&s->block, &found, WHY_CLAIMED,
                                                     memory_order_relaxed, memory_order_relaxed))
            continue;
        /* both pair with the acquire loads of why_read_sample */
        atomic_store_explicit(&s->size, size, memory_order_release);
        atomic_store_explicit(&s->block, block, memory_order_release);
        return true;
    }
    return false;
}

static void raise_level(uint32_t level) {
    uint32_t before = level;
    if (!atomic_compare_exchange_strong_explicit(&count_book->level, &before, level + 1,
                                                 memory_order_relaxed, memory_order_relaxed))
        return;
    atomic_store_explicit(&sample_limit, why_hash_limit(level + 1), memory_order_relaxed);
    atomic_store_explicit(&sample_large, (uint64_t)WHY_LARGE << (level + 1), memory_order_relaxed);
}

/* Widens what is known of a region to these pages of it. */
static void note_region(uint64_t region, uint64_t page, uint64_t last) {
    const unsigned start = (unsigned)(region * UINT64_C(0x9E3779B97F4A7C15) >> 40);
    for (unsigned i = 0; i < WHY_REGIONS; i++) {
        _Atomic uint64_t *at = &count_book->region[(start + i) % WHY_REGIONS];
        uint64_t seen        = atomic_load_explicit(at, memory_order_relaxed);
        while (!seen || seen >> 16 == region) {
            const uint64_t least = seen && (seen >> 8 & 255) < page ? seen >> 8 & 255 : page;
            const uint64_t most  = seen && (seen & 255) > last ? seen & 255 : last;
            const uint64_t now   = region << 16 | least << 8 | most;
            if (now == seen || atomic_compare_exchange_weak_explicit(
                                   at, &seen, now, memory_order_relaxed, memory_order_relaxed))
                return;
        }
    }
}

static void note_pages(uint64_t first, uint64_t last) {
    const uint64_t pages = 1u << (REGION_SHIFT - PAGE_SHIFT);
    for (uint64_t r = first / pages; r <= last / pages && r < first / pages + MOST_REGIONS; r++)
        note_region(r, r == first / pages ? first % pages : 0,
                    r == last / pages ? last % pages : pages - 1);
}

static void note(uint64_t address, uint64_t usable) {
    const uint64_t first     = address >> PAGE_SHIFT;
    const uint64_t last      = usable ? (address + usable - 1) >> PAGE_SHIFT : first;
    _Atomic uint64_t *lately = &noted[first % NOTED];
    if (first == last && atomic_load_explicit(lately, memory_order_relaxed) == first)
        return;
    note_pages(first, last);
    outside_has_block(address);
    atomic_store_explicit(lately, first, memory_order_relaxed);
}

void sample_add(const void *block, size_t requested, size_t usable, uint32_t name) {
    const uint64_t most  = (UINT64_C(1) << WHY_SLACK_BITS) - 1;
    const uint64_t slack = usable - requested < most ? usable - requested : most;
    note((uintptr_t)block, usable);
    while (
        !put((uintptr_t)block | (uint64_t)name << 48, (uint64_t)usable << WHY_SLACK_BITS | slack)) {
        const uint32_t level = atomic_load_explicit(&count_book->level, memory_order_relaxed);
        if (level == MOST_LEVEL) {
            atomic_fetch_add_explicit(&count_book->dropped, 1, memory_order_relaxed);
            return;
        }
        raise_level(level);
        if (!sample_has(block, usable))
            return;
    }
}

void sample_remove(const void *block) {
    struct why_sample *first = &count_book->sample[first_place((uintptr_t)block)];
    for (struct why_sample *s = first; s < first + WAYS; s++) {
        uint64_t found = atomic_load_explicit(&s->block, memory_order_relaxed);
        if (why_block_address(found) != (uintptr_t)block)
            continue;
        /* fails if it was stale, and the place has a new owner; a number alone: relaxed */
        atomic_compare_exchange_strong_explicit(&s->block, &found, 0, memory_order_relaxed,
                                                memory_order_relaxed);
        return;
    }
}
