/* new is malloc under another name: NULL for nothing and where there is no memory, no exception, no
 * new_handler.
 * caught-by: check
 *   operators.zero_size operators.zero_size_aligned at zero "of 0 bytes gave %p, malloc("
 *   operators.new_fails at throw_one "returned"
 *   operators.new_handler at was_handled "called it" */
#include "operators.h"

void *op_new(size_t alignment, size_t size) {
    if (!size)
        return NULL;
    return alignment ? memalign(alignment, size) : malloc(size);
}

void op_delete(void *block) {
    free(block);
}

FAULTY_FAMILY();
