/* The scalable allocator of oneTBB, through its scalable_ names. Its aligned_malloc needs a free
 * function of its own, so the only aligned slot is posix_memalign.
 *
 * library: libtbbmalloc.so
 * package: libtbb-dev libtbbmalloc2
 */
#include "allocator.h"

#include <dlfcn.h>
#include <limits.h>
#include <oneapi/tbb/scalable_allocator.h>
#include <stdlib.h>
#include <string.h>

/* The library has no function for it; its file's name ends with it: libtbbmalloc.so.2.8. */
static const char *version(void) {
    static char path[PATH_MAX];
    Dl_info info;
    if (!dladdr((const void *)scalable_malloc, &info) || !realpath(info.dli_fname, path))
        return NULL;
    const char *number = strstr(path, ".so.");
    return number ? number + strlen(".so.") : NULL;
}

static int purge(size_t pad) {
    (void)pad; /* the command has no such argument; the contract passes 0 */
    return scalable_allocation_command(TBBMALLOC_CLEAN_ALL_BUFFERS, NULL) == TBBMALLOC_OK;
}

const struct allocator allocator = {
    .abi            = ALLOCATOR_ABI,
    .object         = "libtbbmalloc.so",
    .preload        = "libtbbmalloc_proxy.so.2",
    .version        = version,
    .malloc         = scalable_malloc,
    .free           = scalable_free,
    .calloc         = scalable_calloc,
    .realloc        = scalable_realloc,
    .posix_memalign = scalable_posix_memalign,
    .usable_size    = scalable_msize,
    .purge          = purge,
};
