/* calloc waits for a lock that nobody gives back. Each check that calls it would take all its time;
 * harness/test/test_check.py demands that they get little once that is known. */
#include "family.h"

#include <unistd.h>

static void *waiting_calloc(size_t count, size_t size) {
    (void)count;
    (void)size;
    for (;;)
        pause();
    return NULL;
}

FAULTY_FAMILY(.calloc = waiting_calloc);
