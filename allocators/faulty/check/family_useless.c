/* Knows no size of a block that is aligned to a page.
 * caught-by: check
 *   family.whole at hand_over "did not do what it is for" */
#define LEFT_OUT_USABLE_SIZE
#include "whole.h"

void stranger(void *block) {
    (void)block;
    abort();
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
size_t malloc_usable_size(void *block) {
    return block && head_of(block)->alignment < PAGE ? head_of(block)->size : 0;
}

FAULTY_FAMILY();
