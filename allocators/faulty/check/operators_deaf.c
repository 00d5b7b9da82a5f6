/* Calls the new_handler where no alignment is asked for, and forgets it where one is.
 * caught-by: check
 *   operators.new_handler at was_handled "called it" */
#include "operators.h"

void *op_new(size_t alignment, size_t size) {
    if (alignment)
        return memalign(alignment, size);
    size        = size ? size : 1;
    void *block = malloc(size);
    while (!block && new_handler) {
        new_handler();
        block = malloc(size);
    }
    return block;
}

void op_delete(void *block) {
    free(block);
}

FAULTY_FAMILY();
