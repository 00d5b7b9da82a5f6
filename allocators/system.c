/* The malloc that the process has: the C library's, or that of a library given as
 * PRELOAD=./libfoo.so, which then is a row under its own name.
 *
 * This file is also the template for a new adapter. Copy it to allocators/<name>.c, and name the
 * library in the keys below and in `object`. Put its functions into the slots, and delete the slots
 * that it does not have. Nothing else needs an edit. A copy without any change works, and measures
 * libc again.
 *
 * library: libc.so.6
 * package: libc6-dev
 */
#include "allocator.h"

#include <gnu/libc-version.h>
#include <stdlib.h>

/* Of C23, so that only some C libraries and some preloaded ones have them; weak: else NULL. */
extern void free_sized(void *block, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t alignment, size_t size) __attribute__((weak));

const struct allocator allocator = {
    .abi                = ALLOCATOR_ABI,
    .object             = NULL, /* for a library: "libfoo.so" */
    .version            = gnu_get_libc_version,
    .malloc             = malloc,
    .free               = free,
    .calloc             = calloc,
    .realloc            = realloc,
    .reallocarray       = reallocarray,
    .aligned_alloc      = aligned_alloc,
    .posix_memalign     = posix_memalign,
    .memalign           = memalign,
    .usable_size        = malloc_usable_size,
    .free_sized         = free_sized,
    .free_aligned_sized = free_aligned_sized,
    .purge              = malloc_trim,
    .stats              = mallinfo2,
};
