/* realloc that has no memory has freed the block: it keeps its bytes until malloc gives it again.
 * caught-by: check
 *   overflow.realloc overflow.reallocarray at is_live "is another's, too" */
#include "family.h"

static void *waiting;

static void *given_again(size_t size) {
    if (!waiting || malloc_usable_size(waiting) < size)
        return malloc(size);
    void *block = waiting;
    waiting     = NULL;
    return block;
}

static void *freeing_realloc(void *old, size_t size) {
    void *volatile block = old; /* which the compiler takes for freed */
    void *moved          = sound_realloc(old, size);
    if (!moved && size)
        waiting = block;
    return moved;
}

static void *freeing_reallocarray(void *old, size_t count, size_t size) {
    void *volatile block = old;
    void *moved          = sound_reallocarray(old, count, size);
    if (!moved && count && size)
        waiting = block;
    return moved;
}

static void forgetting_free(void *block) {
    if (block == waiting)
        waiting = NULL;
    free(block);
}

FAULTY_FAMILY(.malloc = given_again, .free = forgetting_free, .realloc = freeing_realloc,
              .reallocarray = freeing_reallocarray);
