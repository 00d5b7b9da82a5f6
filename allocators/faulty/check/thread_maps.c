/* Each thread leaves 64 KiB of addresses behind.
 * caught-by: check
 *   lifecycle.threads_without_growth at threads_bounded "%zu MiB more are mapped after %d threads"
 */
#include "family.h"

#include <sys/mman.h>

static void *leaving_malloc(size_t size) {
    static _Thread_local bool known;
    if (!known)
        known = mmap(NULL, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
    return malloc(size);
}

FAULTY_FAMILY(.malloc = leaving_malloc);
