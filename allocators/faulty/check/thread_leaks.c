/* Each thread leaves 4 KiB behind.
 * caught-by: check
 *   lifecycle.threads_without_growth
 *     at threads_bounded "%zu KiB more are resident after %d threads" */
#include "family.h"

static void *leaving_malloc(size_t size) {
    static _Thread_local void *cache;
    if (!cache && (cache = malloc(4096)))
        memset(cache, 1, 4096);
    return malloc(size);
}

FAULTY_FAMILY(.malloc = leaving_malloc);
