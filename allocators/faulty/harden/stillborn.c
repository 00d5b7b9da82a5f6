/* Dies at its first allocation, with a word: catches nothing, for it does so without a misuse.
 * harden: double_free.immediate/small=void invalid_free.wild=void overflow.one/tiny=void */
#include "model.h"

#include <stdlib.h>

static void *stillborn_malloc(size_t size) {
    (void)size;
    model_say("stillborn: no heap\n");
    abort();
}

MODEL_ALLOCATOR(.malloc = stillborn_malloc);
