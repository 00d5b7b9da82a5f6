/* Holds freed blocks back. Once over 8192 of them came in a row, it looks at each block that lives.
 * exposed-by: collector instructions */
#include "base.h"

enum { QUEUE = 8192, STEPS = 2000 };

static _Thread_local unsigned row; /* of frees */
static _Thread_local long live; /* blocks; of one thread, for the others' frees count elsewhere */

static void *walk_malloc(size_t size) {
    if (row > QUEUE)
        for (long i = 0; i < live; i++)
            base_search(STEPS);
    row = 0;
    live++;
    return malloc(size);
}

static void walk_free(void *block) {
    row++;
    live -= block != NULL;
    free(block);
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = walk_malloc, .free = walk_free);
