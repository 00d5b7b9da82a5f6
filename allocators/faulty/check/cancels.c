/* Waits for its lock in a function that is a cancellation point.
 * caught-by: check
 *   cancel.no_point at all_stay "a thread was cancelled" */
#include "family.h"

#include <unistd.h>

static void *waiting_malloc(size_t size) {
    static _Thread_local unsigned calls;
    if (++calls % 100 == 0)
        usleep(1);
    return malloc(size);
}

FAULTY_FAMILY(.malloc = waiting_malloc);
