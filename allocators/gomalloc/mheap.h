/* The page heap (Go's mheap): spans from pages, pages from the operating system. Its lock guards
 * the page allocator. It is held while that searches its summaries and marks pages, which takes the
 * longer the more pages a span has. It is never held over a system call. One per process. All
 * functions are thread-safe. */
#ifndef GOMALLOC_MHEAP_H
#define GOMALLOC_MHEAP_H

#include "fixalloc.h"
#include "huge.h"
#include "lock.h"
#include "mspan.h"
#include "pagealloc.h"
#include "pagecache.h"

struct mheap {
    struct lock lock; /* guards the first part */
    struct pagealloc pages;
    size_t sys_pages; /* got from the operating system, ever; none is unmapped */
    struct away {     /* pages on their way back to the operating system, and by whom: lock_me(), */
        uintptr_t owner, base; /* 0: none, MHEAP_LOST: a thread that is not there any more */
        size_t n;
    } away[8]; /* so many at a time; of more there is no note, and a fork may lose them */

    _Atomic size_t dirty_pages;  /* free but resident; written under the lock */
    _Atomic size_t inuse_pages;  /* in spans of objects, with what waits in threads' caches */
    _Atomic size_t manual_pages; /* in manual spans */
    /* The same in huge blocks, whose pages are not among the others, nor among sys_pages. */
    _Atomic size_t huge_pages, huge_manual_pages;
    _Atomic size_t move_from; /* the shortest block that realloc moves, in pages, or MHEAP_MOVES */
    _Atomic size_t moved;     /* blocks whose pages realloc has moved, */
    _Atomic size_t holes;     /* and those that a forked child has moved out of its parent's heap */
    _Atomic unsigned threads; /* that have a cache (mcache.c) */
    atomic_bool grown;        /* since scavenge_has_holes looked last */

    struct lock grow_lock; /* taken before `lock`; guards the rest */
    uintptr_t grow_at;     /* where the heap would grow next, and */
    uintptr_t grow_down;   /* below what: where it ended up at the kernel's choice. 0: nowhere */
    unsigned hint;         /* the next one to try */
    bool is_forked;        /* the heap, or a part of it, is the parent's */
    uint64_t base_random;  /* where the hints begin; 0: at the lowest address */

    size_t meta_sys; /* bytes of regions of the page allocator */

    struct fixalloc few, many; /* descriptors of spans with few and with many slots */
    struct fixalloc notes;     /* tiny.c's, of spans with tiny objects */
};

enum { MHEAP_LOST = 1 };

/* Shorter blocks are always copied, which is as fast. */
enum { MHEAP_MOVES = 32 };

/* For the longest span of the heap. */
enum { MHEAP_NOTE_WORDS = HUGE_PAGES / 64 + 1 };

extern struct mheap mheap;

/* A CACHED span of small objects, entered in the page map; from `cache` where it has room, which is
 * refilled if it is empty (NULL: straight from the heap). NULL: no memory. */
struct mspan *mheap_alloc_span(struct pagecache *cache, unsigned spanclass);

/* Takes a span of small objects back that nobody owns but the caller. Its pages go into `cache` if
 * they are of its block. */
void mheap_free_span(struct pagecache *cache, struct mspan *);

/* A span of n pages, or more if it is huge (huge.h), as one object: SPAN_LARGE or SPAN_MANUAL.
 * `spares`: the thread's own descriptors, of mheap.few; NULL: none.
 * `alignment`: of the address, a power of two. `dirty`: NULL, or for a span that needs_zero and has
 * no alignment, MHEAP_NOTE_WORDS for the note of which pages may hold old bytes
 * (pagealloc_alloc_noting). */
struct mspan *mheap_alloc_large(struct fixalloc_spares *spares, size_t n, size_t alignment,
                                enum span_state, bool noscan, uint64_t *dirty);
void mheap_free_large(struct fixalloc_spares *spares, struct mspan *);

/* A large span of pages of which some were used before; NULL: there are none. */
struct mspan *mheap_alloc_resident(struct fixalloc_spares *spares, size_t n, bool noscan,
                                   uint64_t *dirty);

/* Enters a span in the page map, as what it is now; and takes it out. */
void mheap_map_span(struct mspan *);
void mheap_unmap_span(const struct mspan *);

/* Makes a large span n pages long, or at least so long if it is huge. That may move it, to another
 * s->base; its bytes come along. False: it stays as it is. */
bool mheap_resize_large(struct mspan *, size_t n);

void mheap_refill_cache(struct pagecache *);
void mheap_flush_cache(struct pagecache *);

/* Gives up to `most` free pages back to the operating system, the highest first, and what else lies
 * in the kernel's page of the last; returns how many went. A page stays while the kernel's page
 * around it is in use. `dense`: also those in nearly full chunks. */
size_t mheap_scavenge(size_t most, bool dense);

/* Under the lock, after pages were taken or freed: so that others need no lock to read it. */
static inline void mheap_note_dirty(void) {
    /* relaxed: a statistic */
    atomic_store_explicit(&mheap.dirty_pages, mheap.pages.free_pages - mheap.pages.scavenged_pages,
                          memory_order_relaxed);
}

/* Pages that are free but resident. */
static inline size_t mheap_dirty_pages(void) {
    return atomic_load_explicit(&mheap.dirty_pages, memory_order_relaxed); /* as above */
}

/* Bytes of descriptors of spans. */
void mheap_metadata(size_t *in_use, size_t *sys);

/* Gives the memory of unused ones back; returns the bytes. */
size_t mheap_trim_metadata(void);

/* In a forked child: mends what threads that are not there were changing. */
void mheap_after_fork(void);

/* Later, no lock is held: takes back the pages that such threads were scavenging. */
void mheap_adopt(void);

#endif
