/* Each block of a page or more begins at the beginning of a page.
 * exposed-by: touch_heads lines */
#include "base.h"

static void *align(size_t size) {
    return size < BASE_PAGE || size >= BASE_MMAP_THRESHOLD ? malloc(size)
                                                           : memalign(BASE_PAGE, size);
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = align);
