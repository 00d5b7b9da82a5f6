/* Believes whatever it is told.
 * harden: double_free.immediate/tiny=corrupt double_free.immediate/small=corrupt
 * double_free.immediate/large=corrupt invalid_free.wild=crash invalid_free.stack=corrupt
 * free_list.first_word/small=corrupt use_after_free.read/small=corrupt
 * use_after_free.write_reused/small=corrupt overflow.thirty_two/small=corrupt
 * overflow.read/small=corrupt double_free.realloc/small=unsupported */
#include "model.h"

static void naive_free(void *block) {
    model_free(block);
}

MODEL_ALLOCATOR(.free = naive_free);
