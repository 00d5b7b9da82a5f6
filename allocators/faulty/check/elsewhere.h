/* For bugs in the way of a block that another thread frees: the first thread is the heap's, and
 * what another one frees waits to be given again. */
#ifndef SPANBENCH_ELSEWHERE_H
#define SPANBENCH_ELSEWHERE_H

#include "family.h"

#include <unistd.h>

/* One of them; NULL: none. The tests' other thread works only while the first one waits. */
static void *elsewhere;

/* True: it was kept; else it is to be freed. */
static inline bool elsewhere_keeps(void *block) {
    if (!block || elsewhere || gettid() == getpid())
        return false;
    elsewhere = block;
    return true;
}

/* That one, if it suits, or NULL. */
static inline void *elsewhere_takes(size_t size) {
    void *block        = elsewhere;
    const size_t holds = block ? malloc_usable_size(block) : 0;
    if (!block || size > holds || size < holds / 2)
        return NULL;
    elsewhere = NULL;
    return block;
}

#endif
