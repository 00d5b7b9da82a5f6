/* Has no more memory after some hundred blocks, misused or not: that says nothing of misuses.
 * harden: double_free.immediate/tiny=void use_after_free.write/small=void */
#include "model.h"

static void *small_malloc(size_t size) {
    enum { MOST = 200 };
    static unsigned calls;
    return ++calls > MOST ? NULL : model_malloc(size);
}

MODEL_ALLOCATOR(.malloc = small_malloc);
