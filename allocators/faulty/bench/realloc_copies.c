/* realloc always copies, also where the block has room.
 * exposed-by: realloc_steps instructions */
#include "base.h"

static void *copy(void *block, size_t size) {
    const size_t has = block ? malloc_usable_size(block) : 0;
    // NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): 0 bytes, as asked
    return size && has < BASE_MMAP_THRESHOLD ? base_move(block, has, size) : realloc(block, size);
}

BASE_OPERATORS
BASE_FAMILY(.realloc = copy);
