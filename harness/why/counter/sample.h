/* The live blocks of the sample, and the regions in which there ever was one. Lock-free: a place is
 * claimed by a compare-and-swap of its key, and a block is in one thread's hands at a time. */
#ifndef SPANBENCH_WHY_SAMPLE_H
#define SPANBENCH_WHY_SAMPLE_H

#include "shared.h"

#include <stddef.h>
#include <stdint.h>

/* Who is in the sample at its present level. It only rises, and a thread that reads an old one does
 * no harm: what it adds is ignored. */
extern _Atomic uint32_t sample_limit;
extern _Atomic uint64_t sample_large;

/* Tells by its place alone; that does for a block of less than WHY_LARGE. */
static inline int sample_has_place(const void *block) {
    return why_granule_hash((uintptr_t)block) <
           atomic_load_explicit(&sample_limit, memory_order_relaxed);
}

static inline int sample_has(const void *block, size_t usable) {
    return sample_has_place(block) ||
           usable >= atomic_load_explicit(&sample_large, memory_order_relaxed);
}

void sample_add(const void *block, size_t requested, size_t usable, uint32_t name);

/* Before the block is freed: then another thread may get it. */
void sample_remove(const void *block);

#endif
