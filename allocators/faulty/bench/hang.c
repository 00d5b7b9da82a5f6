/* Never returns from a call, as a lock that nobody gives back.
 * caught-by: no end after */
#include "faulty.h"

#include <unistd.h>

static void *hang_malloc(size_t size) {
    if (fault_now())
        for (;;)
            pause();
    return malloc(size);
}

FAULTY_ALLOCATOR(hang_malloc);
