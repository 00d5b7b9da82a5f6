/* Takes a munmap that fails for the end of the world.
 * caught-by: check
 *   limits.munmap_fails errno.free_munmap_fails nth_call.munmap
 *     at check_child "a forked child was killed by SIG%s" */
#include "family.h"

#include <sys/mman.h>

/* As large blocks come and go: a mapping of its own, which here is empty. */
static void unmapping_free(void *block) {
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map != MAP_FAILED && munmap(map, 4096) != 0)
        abort();
    free(block);
}

FAULTY_FAMILY(.free = unmapping_free);
