/* Dies by a signal in the middle of a sample.
 * caught-by: SIGSEGV */
#include "faulty.h"

#include <signal.h>

static void *crash_malloc(size_t size) {
    if (fault_now())
        raise(SIGSEGV);
    return malloc(size);
}

FAULTY_ALLOCATOR(crash_malloc);
