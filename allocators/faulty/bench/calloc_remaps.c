/* calloc of small blocks maps fresh pages, for those are zero.
 * exposed-by: calloc_dirty faults */
#include "fresh_pages.h"

enum { LARGE = 32 << 10 };

static void *remap(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > LARGE)
        return calloc(count, size);
    return fresh_malloc(bytes);
}

BASE_OPERATORS
BASE_FAMILY(.calloc = remap, .free = fresh_free, .usable_size = fresh_usable_size);
