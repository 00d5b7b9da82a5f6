/* A thread's free spans of up to 64 pages. A block above 32 KiB is a span of its own, and so are
 * four of the classes below. So for each malloc and free of them the heap would be locked twice,
 * once for the pages and once for the descriptor. Here a free span waits, with its descriptor, for
 * the next malloc of as many pages, or of up to an eighth fewer, by the same thread. (Go has no
 * such thing: its sweeper frees spans, many at a time.)
 *
 * THE PROTOCOL. A span in here is DEAD and on one list of one thread; nobody else knows it. Its
 * pages are in use to the page heap. Nothing here is atomic but the word of the span:
 *   free   the thread owns the span: it ended the life of a large block (LARGE, 1 -> LARGE, 0), or
 *          freed the last slot (EMPTYING). It makes the span DEAD, then puts it on the list.
 *   malloc takes it off the list, then makes it LARGE, 1 or CACHED.
 *   back   off the list, then out of the page map, then its pages are free, under the heap's lock.
 *
 * A thread that gets the block afterwards, or frees it, comes after by what the program does, as
 * with any block. A second free finds DEAD or (LARGE, 0), and dies. The list is right after each
 * store, for a span comes and goes by one to `first`. A forked child tells the rest from there
 * (spancache_audit). It loses what was in hand, which is one span.
 *
 * How much may wait: what `room` says. A thread that has more gives a quarter of it back, under few
 * locks. In a long burst of frees it gives all back each time, and may have a quarter. All of it
 * goes with mcache_flush. And no thread takes fresh memory for a large block while anything waits
 * in its own cache: first that goes back (mcache_alloc_large). What realloc has outgrown does not
 * wait. */
#ifndef GOMALLOC_SPANCACHE_H
#define GOMALLOC_SPANCACHE_H

#include "fixalloc.h"
#include "mspan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPANCACHE_PAGES = 64,  /* of the longest span */
    SPANCACHE_LEAST = 64,  /* pages of a thread that may wait: these, or of what is in use */
    SPANCACHE_SHARE = 16,  /* one in so many, for all threads together, */
    SPANCACHE_MOST  = 256, /* but no more than these; */
    SPANCACHE_SHORT = 16,  /* when a longer span than that comes, the least */
    /* Of a thread that begins in a crowd (listroom.h) the least is halved so many times. It doubles
     * with each so many spans that served a large block again, or had no room. */
    SPANCACHE_HALVED = 3,
    SPANCACHE_VISITS = 8,
    SPANCACHE_RUN    = 4, /* overflows without a malloc between are a burst: all goes, and */
    SPANCACHE_BURST  = 4, /* from then on there is room for one part in so many */
    SPANCACHE_SPARE  = 8, /* a span may be longer than needed by one part in so many */
    /* Spans with more slots than that are emptied seldom; they go to the page heap. */
    SPANCACHE_SLOTS = 8,
};

struct spancache {
    uint64_t some;                        /* bit n - 1: there are spans of n pages */
    size_t pages, room;                   /* of all spans; that there may be */
    unsigned hand;                        /* the next list that gives back */
    unsigned halved, visits;              /* SPANCACHE_LEAST, and such spans since */
    unsigned run;                         /* of overflows without a malloc between */
    struct fixalloc_spares spares;        /* descriptors of large spans, of mheap.few */
    struct mspan *first[SPANCACHE_PAGES]; /* [n - 1]: spans of n pages, linked by `next` */
};

/* A span of n pages, or a few more: LARGE, 1, entered in the page map. NULL: there is none. */
struct mspan *spancache_alloc_large(struct spancache *, size_t n, bool noscan);

/* A CACHED span of a class whose spans have at most SPANCACHE_SLOTS slots; NULL: there is none. */
struct mspan *spancache_alloc_small(struct spancache *, unsigned spanclass);

/* Keeps a span of at most SPANCACHE_PAGES that nobody owns but the caller: a large one, or one with
 * at most SPANCACHE_SLOTS. True: others went back to the page heap for it, or it did, where there
 * is no room for it. */
bool spancache_free(struct spancache *, struct mspan *);

/* Gives all back to the page heap. */
void spancache_flush(struct spancache *);

/* Where something was interrupted for good: tells the rest from the lists. */
void spancache_audit(struct spancache *);

#endif
