/* Spins for ever at a double free, as over a list that has become a circle.
 * harden: double_free.immediate/small=hang */
#include "model.h"

static void stuck_free(void *block) {
    while (block && !model_is_alive(block))
        __asm__ volatile("" ::: "memory");
    model_free(block);
}

MODEL_ALLOCATOR(.free = stuck_free);
