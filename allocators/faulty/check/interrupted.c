/* Gives up when a signal interrupts one of its waits.
 * caught-by: check
 *   lifecycle.signals at signals "malloc(%zu) gave NULL" */
#include "family.h"

#include <time.h>

static void *waiting_malloc(size_t size) {
    static unsigned calls;
    const struct timespec pause = {0, 1000000};
    if (++calls % 50 == 0 && nanosleep(&pause, NULL) != 0)
        return NULL;
    return malloc(size);
}

FAULTY_FAMILY(.malloc = waiting_malloc);
