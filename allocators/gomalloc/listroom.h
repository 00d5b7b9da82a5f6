/* How many free objects a thread may keep on a list: what the use of the list shows. A leaf.
 *
 * A list of full length goes to the spans seldom: from 16 KiB and 256 objects to the numbers below,
 * the workload "small" became 6 % faster, at 2 % more memory. But what is on it keeps its spans
 * resident, and nobody gets it from a thread that sleeps. So there are two exceptions.
 *
 *   CROWDS. Where LISTROOM_CROWD threads are, the lists of further ones begin at a 32nd of the
 *   full length. A list doubles with each LISTROOM_VISITS slow paths of it. So a thread that works
 *   has full lists after some 8,000 mallocs or frees of a class. One that did little, and sleeps,
 *   keeps about an eighth of what it used. While a list is short, its thread keeps no span for
 *   it either: others take what is left of that.
 *   BURSTS. Who frees for a long time without a malloc will hardly want all that at once. From the
 *   LISTROOM_RUN-th time on that a list is full, and gave no object since the last, all of it
 *   goes, and it accepts less. A burst in random order, which has an object in each of so many
 *   spans, leaves few of these. */
#ifndef GOMALLOC_LISTROOM_H
#define GOMALLOC_LISTROOM_H

#include "sizeclasses.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LIST_BYTES_MAX   = 64 << 10, /* of the free objects on a list, but */
    LIST_OBJECTS_MAX = 512,      /* no more than these, */
    LIST_OBJECTS_MIN = 2,        /* and room for these */
    /* Objects up to here go to the spans by batches. Larger ones lie in too many spans for that to
     * be worth it. */
    LIST_BATCHED_BYTES = 64,

    LISTROOM_CROWD         = 8, /* threads with lists of full length from the start */
    LISTROOM_HALVED        = 5, /* times, of further ones */
    LISTROOM_VISITS        = 32,
    LISTROOM_RUN           = 4,
    LISTROOM_BURST_OBJECTS = 64,
};

/* Of one list. */
struct listroom {
    uint8_t halved; /* so many times, its full length */
    uint8_t visits; /* by a slow path since that changed */
    uint8_t run;    /* of overflows without a malloc between */
};

static inline unsigned listroom_at_least(unsigned n) {
    return n < LIST_OBJECTS_MIN ? LIST_OBJECTS_MIN : n;
}

/* So many objects of the class it may have. */
static inline unsigned listroom(const struct listroom *l, unsigned spanclass) {
    const uint64_t n    = (uint64_t)LIST_BYTES_MAX * class_to_magic[spanclass / 2] >> 32;
    const unsigned most = n > LIST_OBJECTS_MAX ? LIST_OBJECTS_MAX : (unsigned)n;
    return listroom_at_least(most >> l->halved);
}

static inline void listroom_visit(struct listroom *l) {
    if (l->halved && ++l->visits == LISTROOM_VISITS) {
        l->visits = 0;
        l->halved--;
    }
}

/* The list was empty. */
static inline void listroom_refilled(struct listroom *l) {
    l->run = 0;
    listroom_visit(l);
}

/* The list was full. `gave`: it gave an object since the last slow path. True: this is a burst. */
static inline bool listroom_overflowed(struct listroom *l, bool gave) {
    if (gave || l->run < LISTROOM_RUN)
        listroom_visit(l);
    l->run = gave ? 0 : l->run < LISTROOM_RUN ? (uint8_t)(l->run + 1) : l->run;
    return l->run == LISTROOM_RUN;
}

/* In a burst: so many objects of `most`. */
static inline unsigned listroom_in_burst(unsigned most, unsigned spanclass) {
    if (class_to_size[spanclass / 2] <= LIST_BATCHED_BYTES)
        return most / 2;
    const unsigned n = most / 4;
    return listroom_at_least(n < LISTROOM_BURST_OBJECTS ? n : LISTROOM_BURST_OBJECTS);
}

/* Does the thread keep the span that the list was filled from? */
static inline bool listroom_keeps_span(const struct listroom *l) {
    return l->halved == 0;
}

#endif
