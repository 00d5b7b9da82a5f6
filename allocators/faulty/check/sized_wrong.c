/* free_sized alone is wrong: it writes to the block that its thread got last. No check of C17 or of
 * POSIX may reject that.
 * caught-by: check
 *   overlap.matrix_sized at family "a live block changed" */
#include "family.h"

static _Thread_local unsigned char *last;

static void *noting_malloc(size_t size) {
    return last = malloc(size);
}

static void forgetting_free(void *block) {
    last = block == last ? NULL : last;
    free(block);
}

static void scribbling_free_sized(void *block, size_t size) {
    (void)size;
    if (last && block != last)
        *last ^= 0xff;
    forgetting_free(block);
}

FAULTY_FAMILY(.malloc = noting_malloc, .free = forgetting_free,
              .free_sized = scribbling_free_sized);
