/* Notices a double free of larger blocks only: what comes of it depends on the seed.
 * harden: double_free.immediate/tiny=corrupt double_free.immediate/large=call */
#include "model.h"

#include <stdlib.h>

static void moody_free(void *block) {
    enum { NOTICED = 1024 };
    if (block && !model_is_alive(block) && model_usable(block) >= NOTICED) {
        model_say("moody: a bad free\n");
        abort();
    }
    model_free(block);
}

MODEL_ALLOCATOR(.free = moody_free);
