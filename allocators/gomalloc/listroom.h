/* How many free objects a thread may keep on a list: what the use of the list shows. A leaf.
 *
 * A list of full length goes to the spans seldom: from 16 KiB and 256 objects to the numbers below,
 * the workload "small" became 6 % faster, at 2 % more memory. But what is on it keeps its spans
 * resident, and nobody gets it from a thread that sleeps. So there are two exceptions.
 *
 *   CROWDS. Where LISTROOM_CROWD threads are, the lists of further ones begin at a 32nd of the
 *   full length. For objects above 2 KiB that is none: each malloc and free of them goes to a
 *   span. A list doubles with each LISTROOM_VISITS slow paths of it. So a thread that works has
 *   full lists after some 8,000 mallocs or frees of a class. The first time, a list of long
 *   objects wants up to 33 times as many slow paths. For there are 35 classes above 1 KiB, and two
 *   objects of each are 0.7 MiB. One that did little, and sleeps, keeps about an eighth of
 *   what it used. While a list is short, its thread keeps no span for it either: others take what
 *   is left of that.
 *   BURSTS. Who frees for a long time without a malloc will hardly want all that at once. From the
 *   LISTROOM_RUN-th time on that a list is full, and gave no object since the last, all of it
 *   goes, with the current span, and it accepts less. A burst in random order, which has an object
 *   in each of so many spans, leaves few of these. */
#ifndef GOMALLOC_LISTROOM_H
#define GOMALLOC_LISTROOM_H

#include "sizeclasses.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LIST_BYTES_MAX   = 64 << 10, /* of the free objects on a list, but */
    LIST_OBJECTS_MAX = 510,      /* no more than these */
    /* Objects up to here go to the spans by batches. Larger ones lie in too many spans for that to
     * be worth it. */
    LIST_BATCHED_BYTES = 64,

    LISTROOM_CROWD         = 8, /* threads with lists of full length from the start */
    LISTROOM_HALVED        = 5, /* times, of further ones */
    LISTROOM_VISITS        = 32,
    LISTROOM_VISIT_BYTES   = 1024, /* for each so many of an object, LISTROOM_VISITS more */
    LISTROOM_RUN           = 4,
    LISTROOM_BURST_OBJECTS = 64,
    LISTROOM_BURST_BYTES   = 1 << 10, /* a list may have these in any case */
};

/* Of one list. */
struct listroom {
    uint8_t halved;  /* so many times, its full length */
    uint8_t run;     /* of overflows without a malloc between */
    uint16_t visits; /* by a slow path since `halved` changed */
};

/* So many objects of the class are in so many bytes. */
static inline unsigned listroom_fit(unsigned bytes, unsigned spanclass) {
    return (unsigned)((uint64_t)bytes * class_to_magic[spanclass / 2] >> 32);
}

/* So many objects of the class it may have. 0: each goes to its span at once. */
static inline unsigned listroom(const struct listroom *l, unsigned spanclass) {
    const unsigned n    = listroom_fit(LIST_BYTES_MAX, spanclass);
    const unsigned most = n > LIST_OBJECTS_MAX ? LIST_OBJECTS_MAX : n;
    return most >> l->halved;
}

/* So many visits until the list doubles. Before it does so first, more for longer blocks: their use
 * takes longer, and their slow paths the same. */
static inline unsigned listroom_visits(const struct listroom *l, unsigned spanclass) {
    const unsigned bytes = l->halved == LISTROOM_HALVED ? class_to_size[spanclass / 2] : 0;
    return LISTROOM_VISITS * (1 + bytes / LISTROOM_VISIT_BYTES);
}

static inline void listroom_visit(struct listroom *l, unsigned spanclass) {
    if (l->halved && ++l->visits == listroom_visits(l, spanclass)) {
        l->visits = 0;
        l->halved--;
    }
}

/* The list was empty. */
static inline void listroom_refilled(struct listroom *l, unsigned spanclass) {
    l->run = 0;
    listroom_visit(l, spanclass);
}

/* The list was full. `gave`: it gave an object since the last slow path. True: this is a burst. */
static inline bool listroom_overflowed(struct listroom *l, unsigned spanclass, bool gave) {
    if (gave || l->run < LISTROOM_RUN)
        listroom_visit(l, spanclass);
    l->run = gave ? 0 : l->run < LISTROOM_RUN ? (uint8_t)(l->run + 1) : l->run;
    return l->run == LISTROOM_RUN;
}

/* In a burst: so many objects of `most`. */
static inline unsigned listroom_in_burst(unsigned most, unsigned spanclass) {
    if (class_to_size[spanclass / 2] <= LIST_BATCHED_BYTES)
        return most / 2;
    const unsigned n     = most / 4 < LISTROOM_BURST_OBJECTS ? most / 4 : LISTROOM_BURST_OBJECTS;
    const unsigned least = listroom_fit(LISTROOM_BURST_BYTES, spanclass);
    return n >= least ? n : least < most ? least : most;
}

/* Does the thread keep the span that the list was filled from? */
static inline bool listroom_keeps_span(const struct listroom *l) {
    return l->halved == 0;
}

#endif
