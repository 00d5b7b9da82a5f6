/* operator delete looks for the block, whatever size it is told.
 * exposed-by: new_delete instructions */
#include "base.h"

void *op_new(size_t alignment, size_t size) {
    return alignment ? aligned_alloc(alignment, size) : malloc(size);
}

void op_delete(void *block) {
    base_search(1000);
    free(block);
}

BASE_FAMILY();
