/* Leaves aligned_alloc to the C library, whose blocks its free does not know.
 * caught-by: check
 *   family.standard at check_child "killed by SIG%s%s" */
#define LEFT_OUT_ALIGNED_ALLOC
#include "whole.h"

void stranger(void *block) {
    (void)block;
    abort();
}

FAULTY_FAMILY();
