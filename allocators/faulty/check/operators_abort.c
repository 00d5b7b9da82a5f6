/* new without memory ends the program, as a library in C without exceptions may: no handler of the
 * caller's ever sees it.
 * caught-by: check
 *   operators.new_fails at check_child "a forked child was killed by SIG%s" */
#include "operators.h"

void *op_new(size_t alignment, size_t size) {
    void *block = alignment ? memalign(alignment, size) : malloc(size ? size : 1);
    if (!block)
        abort();
    return block;
}

void op_delete(void *block) {
    free(block);
}

FAULTY_FAMILY();
