/* scudo, LLVM's hardened allocator, the standalone build that replaces malloc in the process.
 *
 * library: /usr/lib/llvm-??/lib/clang/[0-9]*[0-9]/lib/linux/libclang_rt.scudo_standalone-@ARCH@.so
 * package: libclang-rt-14-dev
 */
#include "allocator.h"

#include <stdlib.h>

/* scudo's own option of mallopt: give all free memory back at once. (Its name and number are those
 * of bionic's <malloc.h>.) */
enum { M_PURGE = -101 };

static int purge(size_t pad) {
    (void)pad; /* mallopt has no such argument; the contract passes 0 */
    return mallopt(M_PURGE, 0);
}

const struct allocator allocator = {
    .abi            = ALLOCATOR_ABI,
    .object         = "libclang_rt.scudo_standalone",
    .malloc         = malloc,
    .free           = free,
    .calloc         = calloc,
    .realloc        = realloc,
    .aligned_alloc  = aligned_alloc,
    .posix_memalign = posix_memalign,
    .memalign       = memalign,
    .usable_size    = malloc_usable_size,
    .purge          = purge,
    .stats          = mallinfo2,
};
