/* valloc has no memory, ever.
 * caught-by: check
 *   family.whole at hand_over "%s of %zu bytes gave %p" */
#define LEFT_OUT_VALLOC
#include "whole.h"

void stranger(void *block) {
    (void)block;
    abort();
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void *valloc(size_t size) {
    (void)size;
    errno = ENOMEM;
    return NULL;
}

FAULTY_FAMILY();
