/* Its constructor takes the heap for empty, in which others have a block.
 * caught-by: check
 *   lifecycle.before_constructors at before "a block from before the constructors changed" */
#include "family.h"

static unsigned char *first;

static void *noting_malloc(size_t size) {
    unsigned char *block = malloc(size);
    first                = first ? first : block;
    return block;
}

__attribute__((constructor)) static void construct(void) {
    if (first)
        *first ^= 0xff;
}

FAULTY_FAMILY(.malloc = noting_malloc);
