/* realloc and reallocarray have no memory, ever.
 * caught-by: check
 *   alignment.realloc_moved at realloc_moved "realloc(p, %zu) gave NULL"
 *   memory.reuse_realloc at use_one "realloc to %zu bytes gave NULL after %zu rounds"
 *   overlap.matrix overlap.matrix_posix overlap.matrix_sized at family "no block, or other bytes"
 *   realloc.grow_keeps realloc.shrink_keeps at pairs "realloc from %zu to %zu gave NULL"
 *   realloc.null_is_malloc at null_is_malloc "realloc(NULL, %zu) gave NULL"
 *   realloc.neighbours at walk "realloc(p, %zu) gave NULL"
 *   realloc.of_calloc at of_calloc "realloc from %zu to %zu gave NULL"
 *   realloc.of_aligned_alloc realloc.of_posix_memalign realloc.of_memalign
 *     at of_aligned "realloc from %zu to %zu gave NULL"
 *   realloc.array_keeps at array_keeps "reallocarray(p, %zu, %zu) gave NULL"
 *   realloc.huge at grow_huge "realloc from %zu to %zu gave NULL"
 *   sized_free.realloc at sized_realloc "realloc from %zu to %zu gave NULL"
 *   zero_size.realloc_null_unique at realloc_null_unique "realloc(NULL, 0) gave NULL" */
#include "family.h"

static void *no_realloc(void *old, size_t size) {
    (void)old;
    (void)size;
    errno = ENOMEM;
    return NULL;
}

static void *no_reallocarray(void *old, size_t count, size_t size) {
    (void)count;
    return no_realloc(old, size);
}

FAULTY_FAMILY(.realloc = no_realloc, .reallocarray = no_reallocarray);
