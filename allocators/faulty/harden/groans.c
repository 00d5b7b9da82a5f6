/* Says much before anything is wrong; at a bad free it says so, and then faults: it knew.
 * harden: double_free.immediate/small=call invalid_free.wild=crash */
#include "model.h"

#include <signal.h>

static void *groaning_malloc(size_t size) {
    model_say("groans: malloc; ................................................................\n");
    return model_malloc(size);
}

static void groaning_free(void *block) {
    if (block && !model_is_alive(block)) {
        model_say("groans: a bad free\n");
        raise(SIGSEGV);
    }
    model_free(block);
}

MODEL_ALLOCATOR(.malloc = groaning_malloc, .free = groaning_free);
