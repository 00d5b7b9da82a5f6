/* A page behind each large block cannot be written.
 * caught-by: check
 *   costs.mappings at maps "%d blocks took %zu mappings" */
#include "family.h"

#include <sys/mman.h>

enum { LARGE = 64 << 10, PAGE = 4096 };

static void *guarded_malloc(size_t size) {
    const size_t pages = (size + PAGE - 1) & -(size_t)PAGE;
    if (size < LARGE)
        return malloc(size);
    char *block = memalign(PAGE, pages + PAGE);
    if (block)
        mprotect(block + pages, PAGE, PROT_NONE);
    return block;
}

static void guarded_free(void *block) {
    const size_t usable = malloc_usable_size(block);
    if (usable < LARGE) /* the guard of others is in the way of the C library */
        free(block);
}

FAULTY_FAMILY(.malloc = guarded_malloc, .free = guarded_free);
