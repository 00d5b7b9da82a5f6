/* The child of a fork begins with a heap of its own, and nobody has the old one.
 * caught-by: check
 *   costs.fork_generations at generations "are lost in each generation" */
#include "family.h"

#include <pthread.h>

static void begin_anew(void) {
    enum { HEAP = 1 << 20 };
    static void *volatile heap;
    heap = malloc(HEAP);
    if (heap)
        memset(heap, 1, HEAP);
}

__attribute__((constructor)) static void prepare(void) {
    pthread_atfork(NULL, NULL, begin_anew);
}

FAULTY_FAMILY(.malloc = sound_malloc);
