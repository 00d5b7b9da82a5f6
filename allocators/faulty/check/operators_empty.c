/* The empty blocks of new are bytes of a table; delete takes them for the block that came last.
 * caught-by: check
 *   operators.zero_size at zero "blocks changed, or did not come" */
#include "operators.h"

enum { EMPTY = 4096 };
static unsigned char table[EMPTY];
static void *last;

void *op_new(size_t alignment, size_t size) {
    static size_t used;
    if (!size)
        return &table[used++ % EMPTY];
    return alignment ? memalign(alignment, size) : malloc(size);
}

void op_delete(void *block) {
    const size_t at = (size_t)((uintptr_t)block - (uintptr_t)table);
    free(at < EMPTY ? last : block);
}

static void *noting_malloc(size_t size) {
    return last = malloc(size);
}

FAULTY_FAMILY(.malloc = noting_malloc);
