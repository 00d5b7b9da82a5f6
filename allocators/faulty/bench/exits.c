/* Ends the process with exit code 0 and without a word, as if all were well.
 * caught-by: no record */
#include "faulty.h"

#include <unistd.h>

static void *exits_malloc(size_t size) {
    if (fault_now())
        _exit(0);
    return malloc(size);
}

FAULTY_ALLOCATOR(exits_malloc);
