/* The live blocks of the sample, and the regions in which there ever was one. Lock-free: a place is
 * taken by a compare-and-swap of its key, and a block is in one thread's hands at a time. */
#ifndef SPANBENCH_WHY_SAMPLE_H
#define SPANBENCH_WHY_SAMPLE_H

#include "shared.h"

#include <stddef.h>
#include <stdint.h>

/* Who is in the sample at its present level. It only rises, and a thread that reads an old one does
 * no harm: what it adds is ignored. */
extern uint64_t sample_mask, sample_large;

static inline int sample_has(const void *block, size_t usable) {
    return (why_granule_hash((uintptr_t)block) & sample_mask) == 0 || usable >= sample_large;
}

void sample_add(const void *block, size_t requested, size_t usable, uint32_t name);

/* Before the block is freed: then another thread may get it. */
void sample_remove(const void *block);

#endif
