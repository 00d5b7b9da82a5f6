/* new calls the new_handler, and lets what that throws pass through the nothrow forms, too.
 * caught-by: check
 *   operators.nothrow_handler_throws at check_child "killed by SIG%s%s" */
#include "operators.h"

void *op_new(size_t alignment, size_t size) {
    for (;;) {
        void *block = alignment ? memalign(alignment, size) : malloc(size ? size : 1);
        if (block || !new_handler)
            return block;
        new_handler();
    }
}

void op_delete(void *block) {
    free(block);
}

FAULTY_FAMILY();
