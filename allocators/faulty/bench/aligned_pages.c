/* Whatever the alignment, the block gets whole pages.
 * exposed-by: aligned resident */
#include "base.h"

static void *whole_pages(size_t alignment, size_t size) {
    if (alignment < _Alignof(max_align_t) || alignment & (alignment - 1))
        return aligned_alloc(alignment, size);
    return aligned_alloc(alignment < BASE_PAGE ? BASE_PAGE : alignment,
                         (size + BASE_PAGE - 1) & ~(size_t)(BASE_PAGE - 1));
}

BASE_OPERATORS
BASE_FAMILY(.aligned_alloc = whole_pages);
