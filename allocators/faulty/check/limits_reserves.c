/* Reserves 2 GiB as it begins, and ends the process where that is more than there may be.
 * caught-by: check
 *   limits.least_address_space limits.least_data at find_least "it does not start" */
#include "family.h"

#include <sys/mman.h>

__attribute__((constructor)) static void reserve(void) {
    if (mmap(NULL, (size_t)2 << 30, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
        abort();
}

static void *own_malloc(size_t size) {
    return malloc(size);
}

FAULTY_FAMILY(.malloc = own_malloc);
