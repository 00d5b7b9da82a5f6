/* realloc passes through every size class on the way to the new one, and copies in each. It arrives
 * with a quarter to spare, so that small steps cost nothing.
 * exposed-by: realloc_geometric instructions */
#include "base.h"

enum { CLASSES = 64 }; /* in each octave */

static void *climb(void *block, size_t size) {
    size_t has = block ? malloc_usable_size(block) : 0;
    if (size && size <= has)
        return block;
    if (!has || !size || size >= BASE_MMAP_THRESHOLD)
        return realloc(block, size); // NOLINT(clang-analyzer-optin.portability.UnixAPI): as asked
    while (block && has < size) {
        const size_t next = has + has / CLASSES + _Alignof(max_align_t);
        block             = base_move(block, has, next < size ? next : size + size / 4);
        has               = block ? malloc_usable_size(block) : 0;
    }
    return block;
}

BASE_OPERATORS
BASE_FAMILY(.realloc = climb);
