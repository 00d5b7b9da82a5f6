/* Pages that another thread is just giving back. They are in no count, and a trim that comes
 * meanwhile does not find them. */
#ifndef GOMALLOC_TEST_AWAY_H
#define GOMALLOC_TEST_AWAY_H

#include "mheap.h"

#include <stdlib.h>
#include <unistd.h>

static inline bool pages_are_away(void) {
    bool are = false;
    lock_acquire(&mheap.lock);
    for (unsigned i = 0; i < sizeof mheap.away / sizeof *mheap.away; i++)
        are |= mheap.away[i].owner != 0;
    lock_release(&mheap.lock);
    return are;
}

/* Of the helper's, who works by itself, too. */
static inline void wait_for_pages(void) {
    for (unsigned long ms = 0; pages_are_away(); ms++) {
        if (ms > 300000)
            exit(9); /* nobody gives them back */
        usleep(1000);
    }
}

#endif
