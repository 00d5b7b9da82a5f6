/* mimalloc (Microsoft), through its mi_ names.
 *
 * library: libmimalloc.so
 * package: libmimalloc-dev
 */
#include "allocator.h"

#include <mimalloc.h>
#include <stdio.h>

static const char *version(void) {
    static char text[16];
    const int v     = mi_version();
    const int digit = v < 10000 ? 10 : 100; /* 209 is 2.0.9, and 30600 is 3.6.0 */
    snprintf(text, sizeof text, "%d.%d.%d", v / digit / digit, v / digit % digit, v % digit);
    return text;
}

static size_t usable_size(void *block) {
    return mi_usable_size(block);
}

static void free_aligned_sized(void *block, size_t alignment, size_t size) {
    mi_free_size_aligned(block, size, alignment);
}

static int purge(size_t pad) {
    (void)pad; /* mi_collect has no such argument; the contract passes 0 */
#if MI_MALLOC_VERSION >= 200 && MI_MALLOC_VERSION < 210
    /* Before 2.1, mi_collect leaves pages that were freed within these delays (25 and 500 ms) to be
     * given back by a later call, which here does not come. Set here and not sooner, for they
     * change the work of malloc and free, too. */
    mi_option_set(mi_option_decommit_delay, 0);
    mi_option_set(mi_option_segment_decommit_delay, 0);
#endif
    mi_collect(true);
    return 1;
}

const struct allocator allocator = {
    .abi                = ALLOCATOR_ABI,
    .object             = "libmimalloc.so",
    .version            = version,
    .malloc             = mi_malloc,
    .free               = mi_free,
    .calloc             = mi_calloc,
    .realloc            = mi_realloc,
    .reallocarray       = mi_reallocarray,
    .aligned_alloc      = mi_aligned_alloc,
    .posix_memalign     = mi_posix_memalign,
    .memalign           = mi_memalign,
    .usable_size        = usable_size,
    .free_sized         = mi_free_size,
    .free_aligned_sized = free_aligned_sized,
    .purge              = purge,
};
