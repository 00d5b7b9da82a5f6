/* The spans of a span class that threads share (Go's mcentral): those with free slots, on lists in
 * the order in which they came. Their lock is held for a few list operations. Full spans are on no
 * list: their state says it, and their first free brings them here. The protocol is written in
 * mspan.h.
 *
 * A span comes back to the list of the threads that had it last, and they look there first. Else
 * the objects of two threads would come to lie in the same cache lines. (Go shares one set, and
 * swaps it at each collection.) */
#ifndef GOMALLOC_MCENTRAL_H
#define GOMALLOC_MCENTRAL_H

#include "lock.h"
#include "mspan.h"

enum {
    HOMES      = 8, /* groups of threads */
    HOME_KEEPS = 2, /* so many spans of a list are left to its group while there is other memory */
};

struct mcentral {
    _Alignas(64) struct lock lock;
    struct partial {
        struct mspan *first, *last;
        unsigned count;
    } partial[HOMES];
};

/* One per span class. */
extern struct mcentral mcentrals[SPAN_CLASSES];

/* The next partial span of the group, or of another one that has more than `keeps`, CACHED now and
 * merged; NULL: there is none. Looks at as many spans as there are threads in the middle of giving
 * one back, at most. */
struct mspan *mcentral_take(unsigned spanclass, unsigned home, unsigned keeps);

/* PUSHING -> PARTIAL, listed; true: the span became empty, the caller must release it. */
bool mcentral_push(struct mspan *);

/* EMPTYING, off the list; the caller must release it. */
void mcentral_remove(struct mspan *);

/* Owner: gives a CACHED span up, whatever is free in it; true: nothing is in use, the caller must
 * release it. */
bool mcentral_uncache(struct mspan *);

/* In a forked child: mends what threads that are not there were changing. */
void mcentral_after_fork(void);

#endif
