/* Leaves aligned_alloc to the C library, and does nothing where such a block is freed.
 * caught-by: check
 *   family.standard at give_back "MiB more are resident" */
#define LEFT_OUT_ALIGNED_ALLOC
#include "whole.h"

void stranger(void *block) {
    (void)block;
}

FAULTY_FAMILY();
