/* A block that malloc gave and that was freed is given again to who asks for an alignment, if its
 * length suits. A new one is right.
 * caught-by: check
 *   history.aligned_alloc history.posix_memalign history.memalign
 *     at looks_right "with alignment %zu, %s, gave %p" */
#include "family.h"

/* Few, so that they are not mixed up: what malloc gave last, if it is freed at once. */
static void *last, *waiting;

static void *noting_malloc(size_t size) {
    return last = malloc(size);
}

static void keeping_free(void *block) {
    if (block && block == last && !waiting)
        waiting = block;
    else
        free(block);
    last = NULL;
}

static void *again(size_t alignment, size_t size) {
    void *block        = waiting;
    const size_t holds = block ? malloc_usable_size(block) : 0;
    if (!block || size > holds || size < holds / 2)
        return sound_aligned_alloc(alignment, size);
    waiting = NULL;
    return block;
}

static int again_posix(void **block, size_t alignment, size_t size) {
    void *given = again(alignment, size);
    if (given)
        *block = given;
    return given ? 0 : ENOMEM;
}

FAULTY_FAMILY(.malloc = noting_malloc, .free = keeping_free, .aligned_alloc = again,
              .memalign = again, .posix_memalign = again_posix);
