/* gomalloc, the Go-style reference allocator of this repository, through its gom_ names.
 *
 * built-from: gomalloc -DNDEBUG
 */
#include "allocator.h"

#include "gomalloc.h"

#ifndef OBJECT
#define OBJECT "libgomalloc.so"
#endif

const struct allocator allocator = {
    .abi                = ALLOCATOR_ABI,
    .object             = OBJECT,
    .version            = gom_version,
    .malloc             = gom_malloc,
    .free               = gom_free,
    .calloc             = gom_calloc,
    .realloc            = gom_realloc,
    .reallocarray       = gom_reallocarray,
    .aligned_alloc      = gom_aligned_alloc,
    .posix_memalign     = gom_posix_memalign,
    .memalign           = gom_memalign,
    .usable_size        = gom_usable_size,
    .free_sized         = gom_free_sized,
    .free_aligned_sized = gom_free_aligned_sized,
    .purge              = gom_trim,
    .stats              = gom_mallinfo2,
    .dump               = gom_dump_spans,
};
