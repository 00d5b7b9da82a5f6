/* Does not come back from a fork in the parent: the lock that its handler took is not given back.
 * caught-by: check
 *   fork.parent at parent "malloc gave NULL" */
#include "family.h"

#include <pthread.h>

static atomic_bool locked;

static void take(void) {
    atomic_store_explicit(&locked, true, memory_order_relaxed);
}

__attribute__((constructor)) static void construct(void) {
    pthread_atfork(take, NULL, NULL);
}

static void *locked_malloc(size_t size) {
    return atomic_load_explicit(&locked, memory_order_relaxed) ? NULL : malloc(size);
}

FAULTY_FAMILY(.malloc = locked_malloc);
