/* Knows a double free, and has no memory any more from then on: that is not damage.
 * harden: double_free.immediate/tiny=survived double_free.immediate/large=survived */
#include "model.h"

static bool spent;

static void *spent_malloc(size_t size) {
    return spent ? NULL : model_malloc(size);
}

static void spent_free(void *block) {
    if (block && !model_is_alive(block))
        spent = true;
    else
        model_free(block);
}

MODEL_ALLOCATOR(.malloc = spent_malloc, .free = spent_free);
