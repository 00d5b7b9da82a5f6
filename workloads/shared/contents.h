/* What is written into blocks, so that a block that changed, moved or overlaps another is found. No
 * function here has a state: any thread may call any of them. */
#ifndef SPANBENCH_CONTENTS_H
#define SPANBENCH_CONTENTS_H

#include <stddef.h>
#include <stdint.h>

/* A pseudo-random number that depends on each bit of the argument. */
uint64_t contents_mix(uint64_t);

/* Fills a block with bytes that depend on `key` and on the place; tells where they are not there:
 * the offset of the first wrong byte, or `size`. */
void contents_fill(void *block, size_t size, uint64_t key);
size_t contents_intact(const void *block, size_t size, uint64_t key);

/* The offset of the first byte that is not zero, or `size`. */
size_t contents_zero(const void *block, size_t size);

#endif
