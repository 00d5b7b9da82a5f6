/* Knows a double free and does nothing, and has more room behind a block than it says: no misuse of
 * these does any harm.
 * harden: double_free.immediate/tiny=survived double_free.immediate/small=survived
 * overflow.one/small=survived overflow.eight/small=survived overflow.zero_size=survived
 * usable_size.freed/small=survived */
#include "model.h"

enum { ROOM = 64 };

static void *roomy_malloc(size_t size) {
    return model_malloc(size + ROOM);
}

static size_t roomy_usable(void *block) {
    return block ? model_usable(block) - ROOM : 0;
}

static void deaf_free(void *block) {
    if (block && model_is_alive(block))
        model_free(block);
}

MODEL_ALLOCATOR(.malloc = roomy_malloc, .free = deaf_free, .usable_size = roomy_usable);
