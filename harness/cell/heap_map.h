/* The pages of an allocator's heap at the instants of a sample: how much of each is live, in blocks
 * of which size, and is it resident? For a picture of what pins memory (scripts/heap.py). It slows
 * each call and touches memory of its own, so no time and no memory of such a sample means
 * anything. */
#ifndef SPANBENCH_HEAP_MAP_H
#define SPANBENCH_HEAP_MAP_H

#include "allocator.h"

#include <stdbool.h>
#include <stdint.h>

enum { HEAP_MAP_CLASSES = 4 };

/* Blocks of at most so many usable bytes are of the class; of the last one, all others. */
extern const uint64_t heap_map_most[HEAP_MAP_CLASSES];

/* The same allocator, whose functions keep the books; any thread may call them. `file` is where
 * heap_map_look writes; what is there is lost. Call it once. NULL, with a sentence on standard
 * error: the file cannot be made, or there is no memory for the books, or the allocator does not
 * tell usable sizes. Without these nobody knows what a free takes away. */
const struct allocator *heap_map_begin(const struct allocator *, const char *file);

/* Writes a line for each page on which a block ever lay, in no order:
 *
 *     page,resident,live,live,live,live,instant
 *
 * `page` is its address divided by the page size, `resident` 0 or 1, and `live` are usable bytes of
 * each class. An instant's name may have commas. Of an allocator that tells what its heap is made
 * of
 * (`dump`), a line "dump,instant" and its own lines follow. No other thread may call the allocator
 * meanwhile. */
void heap_map_look(const char *instant);

/* Is all of it in the file? If not, a sentence on standard error says why. True without a map. */
bool heap_map_is_whole(void);

#endif
