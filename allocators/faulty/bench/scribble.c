/* Writes one byte into a live block, its last, as bookkeeping that is off by one does.
 * caught-by: contents */
#include "faulty.h"

static void *scribble_malloc(size_t size) {
    static _Thread_local unsigned char *previous;
    static _Thread_local size_t previous_size;
    if (fault_now() && previous)
        previous[previous_size - 1] ^= 0x80;
    previous_size   = size;
    return previous = malloc(size);
}

FAULTY_ALLOCATOR(scribble_malloc);
