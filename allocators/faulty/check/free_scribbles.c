/* free writes to the block that its thread got last, as to a neighbour whose header it looks for.
 * caught-by: check
 *   cross_thread.orphans at orphans "a block changed while those of a thread that ended were"
 *   zero_size.malloc at hold_empty "a neighbour of blocks by"
 *   zero_size.free_null at free_null "a live block changed when NULL was freed"
 *   fork.single at live_on "a block of %zu bytes changed in the child"
 *   lifecycle.signals at signals "a block of %zu bytes changed"
 *   overlap.small at release "byte %zu of a live block of %u at %p changed"
 *   realloc.neighbours at walk "byte %zu of a live block of %zu changed"
 *   realloc.null_is_malloc at null_is_malloc "realloc(NULL, %zu): byte %zu changed" */
#include "family.h"

static _Thread_local unsigned char *last;

static void *noting_malloc(size_t size) {
    return last = malloc(size);
}

static void *noting_realloc(void *old, size_t size) {
    return last = realloc(old, size);
}

static void scribbling_free(void *block) {
    if (last && block != last)
        *last ^= 0xff;
    last = NULL;
    free(block);
}

FAULTY_FAMILY(.malloc = noting_malloc, .realloc = noting_realloc, .free = scribbling_free);
