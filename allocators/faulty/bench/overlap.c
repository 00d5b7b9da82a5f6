/* Gives a block that is still alive to a second owner.
 * caught-by: contents */
#include "faulty.h"

static void *overlap_malloc(size_t size) {
    static _Thread_local void *previous;
    static _Thread_local size_t previous_size;
    static _Thread_local bool due;
    due |= fault_now();
    if (due && previous && size <= previous_size) {
        due = false;
        return previous;
    }
    previous_size   = size;
    return previous = malloc(size);
}

FAULTY_ALLOCATOR(overlap_malloc);
