/* Ends the process at a bad free on purpose, without a word: by an exit code.
 * harden: double_free.immediate/small=call invalid_free.wild=crash */
#include "model.h"

static void strict_free(void *block) {
    enum { BAD_FREE = 3 };
    if (block && !model_is_alive(block))
        _exit(BAD_FREE);
    model_free(block);
}

MODEL_ALLOCATOR(.free = strict_free);
