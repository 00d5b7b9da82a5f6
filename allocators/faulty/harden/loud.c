/* Ends the process at a bad free, and says so.
 * harden: double_free.immediate/tiny=call double_free.delayed/small=call
 * invalid_free.interior/small=call invalid_free.global=call */
#include "model.h"

#include <stdlib.h>

static void loud_free(void *block) {
    if (block && !model_is_alive(block)) {
        model_say("loud: a bad free\n");
        abort();
    }
    model_free(block);
}

MODEL_ALLOCATOR(.free = loud_free);
