/* Sorted arrays of what has a name: what the cells offer, each thing once. An item begins with its
 * name, an array of characters. */
#ifndef SPANBENCH_CATALOGUE_H
#define SPANBENCH_CATALOGUE_H

#include <stddef.h>

/* Puts a copy of `item` into an array of `*count` items of `size` bytes each, unless one of its
 * name is there. Returns the array, perhaps at another place, which the caller frees; NULL: out of
 * memory, and the array is as it was. */
void *catalogue_add(void *items, size_t *count, size_t size, const void *item);

#endif
