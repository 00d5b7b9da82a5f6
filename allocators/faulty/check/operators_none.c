/* new has no memory, ever, and says it as malloc does.
 * caught-by: check
 *   operators.new operators.sized_delete operators.nothrow_delete operators.aligned
 *     operators.aligned_sized_delete operators.aligned_nothrow_delete at round_trip "gave NULL" */
#include "operators.h"

void *op_new(size_t alignment, size_t size) {
    (void)alignment;
    (void)size;
    return NULL;
}

void op_delete(void *block) {
    free(block);
}

FAULTY_FAMILY();
