#include "sample.h"

#include "count.h"

enum {
    WAYS         = 16, /* places in which a block may be: two cache lines of keys */
    MOST_LEVEL   = 20,
    MOST_REGIONS = 256, /* of one block that are noted */
    REGION_SHIFT = 20,
    PAGE_SHIFT   = 12,
};

uint64_t sample_mask = WHY_SAMPLE_EVERY - 1, sample_large = WHY_LARGE;

static unsigned first_place(uint64_t address) {
    return (unsigned)((address >> 4) * UINT64_C(0xD6E8FEB86659FD93) >> 40) & (WHY_SAMPLES - WAYS);
}

/* Left behind when the level rose. */
static int is_stale(unsigned place, uint64_t key) {
    return !sample_has((void *)(uintptr_t)key, count_book->sample[place].usable); // NOLINT
}

static int put(uint64_t address, size_t requested, size_t usable, uint32_t name) {
    const unsigned first = first_place(address);
    for (unsigned i = first; i < first + WAYS; i++) {
        uint64_t key = atomic_load_explicit(&count_book->key[i], memory_order_relaxed);
        if ((key && !is_stale(i, key)) ||
            !atomic_compare_exchange_strong_explicit(&count_book->key[i], &key, address,
                                                     memory_order_relaxed, memory_order_relaxed))
            continue;
        count_book->sample[i] = (struct why_sample){usable, requested, name, 0};
        return 1;
    }
    return 0;
}

static void raise_level(uint32_t level) {
    uint32_t before = level;
    if (!atomic_compare_exchange_strong(&count_book->level, &before, level + 1))
        return;
    sample_mask  = ((uint64_t)WHY_SAMPLE_EVERY << (level + 1)) - 1;
    sample_large = (uint64_t)WHY_LARGE << (level + 1);
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

static void note(uint64_t address, uint64_t usable) {
    const uint64_t pages = 1u << (REGION_SHIFT - PAGE_SHIFT);
    const uint64_t first = address >> PAGE_SHIFT;
    const uint64_t last  = usable ? (address + usable - 1) >> PAGE_SHIFT : first;
    for (uint64_t r = first / pages; r <= last / pages && r < first / pages + MOST_REGIONS; r++)
        note_region(r, r == first / pages ? first % pages : 0,
                    r == last / pages ? last % pages : pages - 1);
}

void sample_add(const void *block, size_t requested, size_t usable, uint32_t name) {
    const uint64_t address = (uintptr_t)block;
    note(address, usable);
    while (!put(address, requested, usable, name)) {
        const uint32_t level = atomic_load(&count_book->level);
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
    const uint64_t address = (uintptr_t)block;
    const unsigned first   = first_place(address);
    for (unsigned i = first; i < first + WAYS; i++)
        if (atomic_load_explicit(&count_book->key[i], memory_order_relaxed) == address) {
            atomic_store_explicit(&count_book->key[i], 0, memory_order_relaxed);
            return;
        }
}
