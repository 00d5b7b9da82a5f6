/* free of an aligned block writes to the block that came after it.
 * caught-by: check
 *   family.standard family.whole at hand_over "a block beside changed" */
#define LEFT_OUT_FREE
#include "whole.h"

void stranger(void *block) {
    (void)block;
    abort();
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void free(void *block) {
    unsigned char *other = block && block != newest ? newest : NULL;
    newest               = NULL;
    if (other && head_of(block)->alignment > 1)
        *other ^= 0xff;
    take(block);
}

FAULTY_FAMILY();
