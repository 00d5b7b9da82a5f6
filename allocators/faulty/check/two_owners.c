/* Gives every 50th block of a thread to two owners, and frees none.
 * caught-by: check
 *   overlap.tiny overlap.small overlap.large overlap.functions overlap.threads
 *     overlap.functions_posix overlap.threads_posix
 *     at release "byte %zu of a live block of %u at %p changed"
 *   overlap.matrix overlap.matrix_posix at family "a live block changed"
 *   cross_thread.small cross_thread.large at consume "of a block of"
 *   alignment.aligned_alloc alignment.posix_memalign alignment.memalign
 *     at requested "a live block changed"
 *   usable_size.own at usable_own "usable ones changed as others were written"
 *   calloc.product at product_size "is another block's, too" */
#include "family.h"

static void *make(size_t alignment, size_t size) {
    static _Thread_local unsigned calls;
    static _Thread_local void *previous;
    static _Thread_local size_t previous_size;
    if (++calls % 50 == 0 && size <= previous_size && (uintptr_t)previous % alignment == 0)
        return previous;
    calls -= calls % 50 == 0; /* next time */
    previous_size   = size;
    return previous = alignment > 1 ? memalign(alignment, size) : malloc(size);
}

static void keep(void *block) {
    (void)block;
}

FAULTY_MAKER(make, keep);
