/* What malloc.c does of large blocks for the hardened build, too. */
#ifndef GOMALLOC_LARGE_H
#define GOMALLOC_LARGE_H

#include "mspan.h"

#include <stdbool.h>
#include <stddef.h>

/* The first page of a span of so many bytes or more; NULL and ENOMEM: no memory. `dirty`: NULL, or
 * gets the note of mcache_alloc_large. */
void *large_alloc(size_t size, size_t alignment, bool noscan, uint64_t *dirty);

/* The same of one that the caller can do without: the thread keeps what it has cached. */
void *large_alloc_optional(size_t size);

/* As large_alloc, and all of it is zero, also where it is longer than needed. */
void *large_zeroed(size_t size, bool noscan);

/* Ends the life of a span; of two threads that do, one ends the process. `grown`: the program has a
 * longer one for it, and will hardly want this length again. Then it does not wait, but joins the
 * free pages beside it, for what grows next. `caller`: as for helper_tick. */
void large_free(struct mspan *, void *block, bool grown, const void *caller);

/* Small spans may have been taken: it may be time for free pages to go back. */
void large_others_go_back(void);

/* A large span becomes longer or shorter without a copy; it may move. */
bool large_resize(struct mspan *, size_t size);

#endif
