/* Ends the process at a bad free as if it had come to its end: nobody would notice.
 * harden: double_free.immediate/small=crash */
#include "model.h"

static void quitting_free(void *block) {
    if (block && !model_is_alive(block))
        _exit(0);
    model_free(block);
}

MODEL_ALLOCATOR(.free = quitting_free);
