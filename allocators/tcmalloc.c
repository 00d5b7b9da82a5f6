/* tcmalloc of gperftools, the minimal build (no heap profiler), through its tc_ names.
 *
 * library: libtcmalloc_minimal.so
 * package: libgoogle-perftools-dev
 */
#include "allocator.h"

#include <gperftools/malloc_extension_c.h>
#include <gperftools/tcmalloc.h>
#include <stddef.h>
#include <stdlib.h>

static const char *version(void) {
    int major, minor;
    const char *patch;
    return tc_version(&major, &minor, &patch); /* "gperftools 2.10" */
}

static int purge(size_t pad) {
    (void)pad;                        /* neither call has such an argument; the contract passes 0 */
    MallocExtension_MarkThreadIdle(); /* empties this thread's cache */
    MallocExtension_ReleaseFreeMemory();
    return 1;
}

static struct mallinfo2 stats(void) {
    struct mallinfo2 all = {0};
    MallocExtension_GetNumericProperty("generic.current_allocated_bytes", &all.uordblks);
    MallocExtension_GetNumericProperty("generic.heap_size", &all.arena);
    return all;
}

const struct allocator allocator = {
    .abi            = ALLOCATOR_ABI,
    .object         = "libtcmalloc_minimal.so",
    .version        = version,
    .malloc         = tc_malloc,
    .free           = tc_free,
    .calloc         = tc_calloc,
    .realloc        = tc_realloc,
    .posix_memalign = tc_posix_memalign,
    .aligned_alloc  = aligned_alloc, /* which has no name with tc_ */
    .memalign       = tc_memalign,
    .usable_size    = tc_malloc_size,
    .free_sized     = tc_free_sized,
    .purge          = purge,
    .stats          = stats,
};
