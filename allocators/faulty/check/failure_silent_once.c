/* Has no memory when the system has none, and says it in no errno.
 * caught-by: check
 *   nth_call.mmap at round_trips "gave NULL and errno" */
#include "family.h"

#include <sys/mman.h>

static void *mapping_malloc(size_t size) {
    const int before = errno;
    void *map        = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno            = before;
    if (map == MAP_FAILED)
        return NULL;
    munmap(map, 4096);
    return malloc(size);
}

FAULTY_FAMILY(.malloc = mapping_malloc);
