/* Which pages of the address space are free (Go's mpagealloc.go): a bitmap per chunk of 512 pages
 * under a radix tree of summaries, and address-ordered first fit. Pure book-keeping: it never
 * touches the pages, and makes no system call. Not thread-safe: mheap.lock guards it.
 *
 * Levels and what an entry covers: 0: 16 GiB, 1: 2 GiB, 2: 256 MiB, 3: 32 MiB, 4: 4 MiB, a chunk.
 * Go reserves the whole of each level, 585 MiB of address space. Here the levels below the root
 * come by region of 16 GiB, with the bitmaps, when the heap first grows into it. */
#ifndef GOMALLOC_PAGEALLOC_H
#define GOMALLOC_PAGEALLOC_H

#include "pallocbits.h"
#include "sizeclasses.h"

enum {
    CHUNK_SHIFT    = PAGE_SHIFT + 9,
    REGION_SHIFT   = CHUNK_SHIFT + 12,
    REGIONS        = 1 << (ADDRESS_BITS - REGION_SHIFT),
    REGION_CHUNKS  = 1 << 12,
    SUMMARY_LEVELS = 5,
    /* A chunk that is fuller than this is left to the allocator, not to the scavenger: a hole in it
     * will soon be filled (Go 1.21: 96.875 %). */
    DENSE_PAGES = 496,
};

/* `scavenged` holds for free pages: not resident, and zero when they are used next. */
struct palloc_chunk {
    uint64_t used[CHUNK_WORDS];
    uint64_t scavenged[CHUNK_WORDS];
};

/* Zero-filled memory is not a valid region: pagealloc_add_region marks all pages as used. */
struct palloc_region {
    /* The longest first: each begins with a page of the kernel's, so that as much of it is touched
     * for a heap that begins at an arena, whichever that is. */
    struct palloc_chunk chunk[REGION_CHUNKS];
    pallocsum sum[REGION_CHUNKS + 512 + 64 + 8]; /* levels 4 to 1 */
    uint64_t dirty[REGION_CHUNKS / 64];          /* chunks that may have free pages to scavenge */
    uint64_t known[REGION_CHUNKS / 64];          /* chunks that the heap has grown into */
};

struct pagealloc {
    pallocsum root[REGIONS];
    struct palloc_region *region[REGIONS];
    size_t first_region, end_region; /* the regions that exist lie within */
    size_t dirty_end;                /* no region from here on has a chunk to scavenge */
    uintptr_t search;                /* no page below this address is free */
    size_t free_pages;               /* of these, */
    size_t scavenged_pages;          /* so many are scavenged */
    unsigned unit_shift; /* log2 of a unit: the pages of one page of the kernel's, up to 64, which
                            go back together or not at all */
};

static inline size_t region_of(uintptr_t address) {
    return address >> REGION_SHIFT;
}

/* Without a region: what it must be before any function is called. */
#define PAGEALLOC_EMPTY                                                                            \
    { .first_region = REGIONS, .search = UINTPTR_MAX }

/* Gives a region its memory: zeroed, sizeof(struct palloc_region), of which little is touched. */
void pagealloc_add_region(struct pagealloc *, size_t region, struct palloc_region *memory);

/* Adds n pages of fresh, zero memory as free and scavenged. Their regions exist. */
void pagealloc_grow(struct pagealloc *, uintptr_t base, size_t n);

/* The first n free pages in a row, now in use; 0: there are none. `scavenged` gets the number of
 * those that were. */
uintptr_t pagealloc_alloc(struct pagealloc *, size_t n, size_t *scavenged);

/* The same, and notes in `dirty`, if it is not NULL, which of the pages were not scavenged. Bit b
 * of word w is the page that lies 64 w + b pages behind the block of 64 in which the run begins.
 * Bits of other pages mean nothing. */
uintptr_t pagealloc_alloc_noting(struct pagealloc *, size_t n, size_t *scavenged, uint64_t *dirty);

/* Takes n particular pages, if all are free. */
bool pagealloc_alloc_at(struct pagealloc *, uintptr_t base, size_t n, size_t *scavenged);

/* Frees pages; `scavenged`: they were given back to the operating system meanwhile. */
void pagealloc_free(struct pagealloc *, uintptr_t base, size_t n, bool scavenged);

/* Takes all free pages of the first aligned block of 64 pages that has one. Returns its address, 0:
 * nothing is free. Bits of `free`: the pages taken; of `scavenged`: those among them. */
uintptr_t pagealloc_take_block(struct pagealloc *, uint64_t *free, uint64_t *scavenged);

/* Gives back pages of a block as it was taken. */
void pagealloc_return_block(struct pagealloc *, uintptr_t base, uint64_t free, uint64_t scavenged);

/* Where something was interrupted for good: brings all that is told from the bitmaps up to date
 * with them. Pages that were being taken or freed are in use, some or all of them. */
void pagealloc_mend(struct pagealloc *);

/* Takes the highest free pages that are not scavenged: at most `most`, rounded up to whole units,
 * and all in one word of the bitmap. Of a unit that is free, pages that were scavenged come along:
 * the others could not go back without them. Returns their number and address. `dense`: also of
 * dense chunks. */
size_t pagealloc_take_dirty(struct pagealloc *, size_t most, bool dense, uintptr_t *base);

#endif
