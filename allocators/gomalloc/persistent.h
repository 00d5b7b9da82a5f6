/* Address space for metadata (Go's persistentalloc): maps of arenas, regions of the page allocator,
 * regions of fixalloc. It comes in steps of which each has half of what there is. So a big heap's
 * metadata is a handful of mappings; Linux allows a process some 65,000. Nothing of it is ever
 * unmapped. Thread-safe. */
#ifndef GOMALLOC_PERSISTENT_H
#define GOMALLOC_PERSISTENT_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory, in whole pages of the kernel's, aligned to them and to `alignment`, a power of
 * two; resident once it is touched, by small pages. NULL: there is none. */
void *persistent_alloc(size_t bytes, size_t alignment);

/* Zeroes what persistent_alloc gave, which is resident no more. False: not done. */
bool persistent_clear(void *memory, size_t bytes);

/* Bytes that are mapped and not handed out. */
size_t persistent_spare(void);

/* In a forked child: the lock opens. What it guards is right at any time. */
void persistent_after_fork(void);

#endif
