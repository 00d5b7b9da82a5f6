/* gomalloc in its hardened build: a bad free ends the process with a message.
 *
 * built-from: gomalloc -DNDEBUG -DGOMALLOC_HARDENED
 * cflags: -Iallocators/gomalloc
 */
#include "allocator.h"

#include "gomalloc.h"

const struct allocator allocator = {
    .abi                = ALLOCATOR_ABI,
    .object             = "libgomalloc-hardened.so",
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
};
