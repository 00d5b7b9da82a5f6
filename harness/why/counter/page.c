#include "page.h"

_Atomic uint64_t page_entry[PAGE_ENTRIES];

void page_note(const void *block, uint64_t size) {
    const uint64_t number   = page_number(block);
    _Atomic uint64_t *entry = &page_entry[number % PAGE_ENTRIES];
    uint64_t found          = atomic_load_explicit(entry, memory_order_relaxed);
    if (!found &&
        atomic_compare_exchange_strong_explicit(entry, &found, number << 16 | size,
                                                memory_order_relaxed, memory_order_relaxed))
        return;
    if (found >> 16 != number || (found & PAGE_ASK) == size)
        return;
    /* The sample has become thinner: its blocks of before that are not looked at again. */
    if ((found & PAGE_ASK) == (size | PAGE_SAMPLED) &&
        atomic_compare_exchange_strong_explicit(entry, &found, number << 16 | size,
                                                memory_order_relaxed, memory_order_relaxed))
        return;
    atomic_store_explicit(entry, number << 16 | PAGE_ASK, memory_order_relaxed);
}
