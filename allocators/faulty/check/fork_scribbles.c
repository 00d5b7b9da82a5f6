/* Its handlers of fork write to a live block, in the child and in the parent.
 * caught-by: check
 *   fork.single fork.nested at intact "a block of %zu bytes changed in the %s"
 *   fork.parent at parent "a block changed in the parent"
 *   fork.in_handler at intact "a block changed in the %s" */
#include "family.h"

#include <pthread.h>

static _Thread_local unsigned char *last;

static void scribble(void) {
    if (last)
        *last ^= 0xff;
}

__attribute__((constructor)) static void construct(void) {
    pthread_atfork(NULL, scribble, scribble);
}

static void *noting_malloc(size_t size) {
    return last = malloc(size);
}

static void noting_free(void *block) {
    last = block == last ? NULL : last;
    free(block);
}

FAULTY_FAMILY(.malloc = noting_malloc, .free = noting_free);
