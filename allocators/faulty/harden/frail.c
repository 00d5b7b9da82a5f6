/* Sound for a while; dies in its thousandth call of free, misused or not.
 * harden: double_free.immediate/tiny=void use_after_free.write/tiny=void */
#include "model.h"

#include <stdlib.h>

static void frail_free(void *block) {
    enum { LAST = 1000 };
    static unsigned calls;
    if (++calls == LAST)
        abort();
    model_free(block);
}

MODEL_ALLOCATOR(.free = frail_free);
