/* Metadata of a fixed size (Go's fixalloc): span descriptors, caches. Memory comes in regions that
 * are aligned to their size, so that an object finds its region by a mask. A region whose objects
 * are all free can be given back to the operating system. Never shares a page with user memory. */
#ifndef GOMALLOC_FIXALLOC_H
#define GOMALLOC_FIXALLOC_H

#include "lock.h"

#include <stddef.h>
#include <stdint.h>

enum { FIXALLOC_REGION = 256 << 10 };

struct fixalloc {
    struct lock lock;
    uint32_t size;                /* of an object: a multiple of 64, so that none shares a line */
    uint32_t region_bytes;        /* a power of two */
    struct fixalloc_region *open; /* the regions with a free object; the first serves */
    struct fixalloc_region *all;
    size_t in_use; /* bytes of live objects */
    size_t sys;    /* bytes mapped */
};

#define FIXALLOC_OF(bytes, region)                                                                 \
    { .size = ((bytes) + 63) / 64 * 64, .region_bytes = (region) }
#define FIXALLOC(bytes) FIXALLOC_OF(bytes, FIXALLOC_REGION)

/* An object, zeroed, aligned to 64; NULL: no memory. As it is: it may hold old bytes. */
void *fixalloc_alloc(struct fixalloc *);
void *fixalloc_alloc_as_is(struct fixalloc *);
void fixalloc_free(struct fixalloc *, void *memory);

/* A thread's own free objects, up to FIXALLOC_SPARES, so that it seldom needs the lock. They count
 * as live. Zeroed memory has none. The chain is right at any time (fork.c). */
struct fixalloc_spares {
    struct fixalloc_spare *first;
};

enum { FIXALLOC_SPARES = 8 };

/* The same with the thread's spares: one of them comes first, and what is freed becomes one where
 * there is room. NULL: without. */
void *fixalloc_alloc_near(struct fixalloc *, struct fixalloc_spares *);
void fixalloc_free_near(struct fixalloc *, struct fixalloc_spares *, void *memory);

/* Frees all of them. */
void fixalloc_flush(struct fixalloc *, struct fixalloc_spares *);

/* In a forked child: mends what a thread that is not there was changing. */
void fixalloc_after_fork(struct fixalloc *);

/* Adds the bytes of live objects, and those mapped. */
void fixalloc_memory(struct fixalloc *, size_t *in_use, size_t *sys);

/* Gives the memory of regions without live objects back; returns the number of bytes. */
size_t fixalloc_trim(struct fixalloc *);

#endif
