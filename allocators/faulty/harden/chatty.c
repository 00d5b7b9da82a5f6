/* Says its name before anything is wrong, and believes whatever it is told: a fault that it does
 * not mention is a crash.
 * harden: invalid_free.wild=crash double_free.immediate/small=corrupt */
#include "model.h"

static void *chatty_malloc(size_t size) {
    static bool said;
    if (!said)
        model_say("chatty: a heap\n");
    said = true;
    return model_malloc(size);
}

MODEL_ALLOCATOR(.malloc = chatty_malloc);
