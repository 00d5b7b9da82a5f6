/* Once a munmap failed, it has no memory.
 * caught-by: check
 *   limits.munmap_fails at fail_munmap "afterwards, %zu of %d blocks did not come" */
#include "family.h"

#include <sys/mman.h>

static bool failed;

static void unmapping_free(void *block) {
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    failed    = failed || (map != MAP_FAILED && munmap(map, 4096) != 0);
    free(block);
}

static void *offended_malloc(size_t size) {
    errno = failed ? ENOMEM : errno;
    return failed ? NULL : malloc(size);
}

FAULTY_FAMILY(.malloc = offended_malloc, .free = unmapping_free);
