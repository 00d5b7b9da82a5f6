/* The size of the blocks in a page, so that the allocator need not be asked when one is freed.
 *
 * Most allocators put blocks of one size side by side. A page has that size from its first block
 * on, and loses it for good with the first block of another: then its blocks are asked about. So no
 * block is ever taken for one of another size. Pages for which the table has no place are asked
 * about, too.
 *
 * All is relaxed. Who has a block knows what was stored when it was made, because the program
 * itself passed it on. What another thread stores later is right for it, too. */
#ifndef SPANBENCH_WHY_PAGE_H
#define SPANBENCH_WHY_PAGE_H

#include "shared.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PAGE_ENTRIES = 1 << 18, /* neighbours have neighbouring places: enough for a GiB of them */
    PAGE_SAMPLED = 0x8000,  /* added to a size: these blocks must come by the sample, too */
    PAGE_ASK     = 0xFFFF,  /* in place of a size */
};

/* The number of a page, shifted by 16, and the size of its blocks in units of 8 bytes; 0: no page
 * had this place yet. */
extern _Atomic uint64_t page_entry[PAGE_ENTRIES];

static inline uint64_t page_number(const void *block) {
    return (uintptr_t)block >> 12;
}

static inline uint64_t page_read(uint64_t number) {
    return atomic_load_explicit(&page_entry[number % PAGE_ENTRIES], memory_order_relaxed);
}

/* Of this block, in units; 0: it is of the sample, or not known. NULL has none. */
static inline uint64_t page_size(const void *block) {
    const uint64_t number = page_number(block), size = page_read(number) ^ number << 16;
    return size <= WHY_SMALL ? size : 0;
}

/* The same for one of the sample. */
static inline uint64_t page_sampled_size(const void *block) {
    const uint64_t number = page_number(block);
    const uint64_t size   = page_read(number) ^ (number << 16 | PAGE_SAMPLED);
    return size <= WHY_SMALL ? size : 0;
}

/* Is it known that this block, which has this size, lies in a page of such blocks alone? */
static inline bool page_is_of(const void *block, uint64_t size) {
    const uint64_t number = page_number(block);
    return page_read(number) == (number << 16 | size);
}

/* A block was made, and nobody else has it yet: its size in units, with or without PAGE_SAMPLED, or
 * PAGE_ASK. */
void page_note(const void *block, uint64_t size);

#endif
