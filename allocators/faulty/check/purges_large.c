/* Whatever is freed of 256 KiB and more loses its pages at once.
 * caught-by: check
 *   costs.largest_reused at find_edge "ask the system each time" */
#include "family.h"

#include <sys/mman.h>

static void purging_free(void *block) {
    enum { LARGE = 256 << 10, PAGE = 4096 };
    const size_t usable = malloc_usable_size(block);
    const int before    = errno;
    char *first         = (char *)block + (-(uintptr_t)block & (PAGE - 1));
    if (usable >= LARGE)
        madvise(first, usable - 2 * (size_t)PAGE, MADV_DONTNEED);
    errno = before;
    free(block);
}

FAULTY_FAMILY(.free = purging_free);
