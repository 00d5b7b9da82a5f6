/* A thread's cache (Go's mcache): for each span class a short list of free objects and the current
 * span. No lock and no atomic operation where a list has an object to take or room for one.
 *
 * The list, linked through the objects' first words, is what C adds to Go: an explicit free puts
 * its object there, whatever span and thread it came from, and the next malloc takes it, still warm
 * (Go 1.26's experimental freegc has the same). When a list is empty, slots of the current span
 * refill it; when it is too long, the older half goes back to the spans.
 *
 * A list counts the mallocs, and counts down how many frees it still accepts, so that one counter
 * each both bounds it and is the statistic. */
#ifndef GOMALLOC_MCACHE_H
#define GOMALLOC_MCACHE_H

#include "link.h"
#include "lock.h"
#include "mspan.h"
#include "pagecache.h"
#include "tiny.h"

struct freelist {
    void *head;
    uint32_t mallocs; /* since the books were kept last */
    uint32_t budget;  /* frees until the books must be kept */
};

struct mcache {
    struct freelist list[SPAN_CLASSES];
    struct mspan *span[SPAN_CLASSES]; /* NULL: none yet */
    struct {
        uint32_t length; /* of the list when the books were kept last */
        uint32_t given;  /* the budget then */
    } books[SPAN_CLASSES];
    struct pagecache pages;
    struct tiny tiny;
    struct mcache *next, *previous; /* of all caches */
    uintptr_t owner;                /* lock_me() of its thread; 0: one that a fork left behind */
    uint8_t home;                   /* its group of threads (mcentral.h) */
    bool is_owned;                  /* false: one of the three below */
    unsigned flushes;               /* the value of mcache_flushes at the last flush */

    /* Statistics, written by the owner alone. */
    struct mcache_counts {
        uint64_t mallocs[SPAN_CLASSES], frees[SPAN_CLASSES]; /* objects; [0], [1]: large ones */
        uint64_t large_malloc_bytes, large_free_bytes;
        uint64_t tiny_mallocs; /* pieces of shared blocks */
    } counts;
};

/* The running thread's cache, never NULL: at first a static one without objects and without room,
 * so that the fast paths need no test and fall through to mcache_enter. */
extern _Thread_local struct mcache *mcache_current __attribute__((tls_model("initial-exec")));

/* The thread's own cache, made now if it has none yet; the shared one, locked, if it cannot have
 * one (any more). Each must be followed by mcache_leave. */
struct mcache *mcache_enter(void);
void mcache_leave(struct mcache *);

/* An object of the class, from its list or, if that is empty, from the current span, another
 * partial one, or a new one; NULL: no memory. */
void *mcache_alloc(struct mcache *, unsigned spanclass);

/* Takes a free object for which the list has no room, or so it seems: the books will tell. True:
 * some objects went back to their spans. */
bool mcache_free_more(struct mcache *, unsigned spanclass, void *object);

/* A piece of 1 to 15 bytes of a shared block; NULL: no memory. */
void *mcache_alloc_tiny(struct mcache *, size_t size);

/* Frees a piece, or an object of its class that is none. True: as above. */
bool mcache_free_tiny(struct mcache *, struct mspan *, void *object);

/* Gives everything that is cached back. */
void mcache_flush(struct mcache *);

/* Asks every other thread to do so, when it next comes by a slow path. */
void mcache_flush_all(void);

/* The statistics of all threads together; of other running threads a few operations old. */
void mcache_sum(struct mcache_counts *);

/* Bytes of the caches themselves. */
void mcache_memory(size_t *in_use, size_t *sys);

/* In a forked child: notes which caches are those of threads that are not there. What they hold
 * comes back by and by, a cache each time that a thread comes by mcache_enter. */
void mcache_after_fork(void);

/* malloc's fast path. */
static inline void *freelist_pop(struct freelist *l) {
    void *object = l->head;
    if (__builtin_expect(object != NULL, 1)) {
        l->head = link_next(object);
        l->mallocs++;
        /* The next malloc of the class reads its link, and its caller writes. (In the hardened
         * build the head may be anything.) */
        __builtin_prefetch(l->head, 1);
    }
    return object;
}

/* free's: the list has room. */
static inline void freelist_push(struct freelist *l, void *object) {
    const uint32_t left = l->budget - 1;
    link_set(object, l->head);
    lock_in_order(); /* the list is whole at any time: fork.c */
    l->head   = object;
    l->budget = left;
}

#endif
