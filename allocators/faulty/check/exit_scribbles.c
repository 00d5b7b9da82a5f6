/* Takes its heap down when the process ends, over blocks that are alive.
 * caught-by: check
 *   lifecycle.atexit at at_exit "a block changed before atexit's functions ended" */
#include "family.h"

static unsigned char *first;

static void end(void) {
    *first ^= 0xff;
}

static void *closing_malloc(size_t size) {
    unsigned char *block = malloc(size);
    if (!first && block && atexit(end) == 0)
        first = block;
    return block;
}

FAULTY_FAMILY(.malloc = closing_malloc);
