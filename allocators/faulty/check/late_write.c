/* free still writes to blocks a while after it returned, as a list that is built too late does.
 * caught-by: check
 *   cross_thread.happens_before at unwritten "of a block of" */
#include "family.h"

enum { LATE = 8 };

static void late_free(void *block) {
    static _Thread_local unsigned char *freed[LATE];
    static _Thread_local size_t next;
    if (block && malloc_usable_size(block) >= 32) {
        freed[next] = block;
        next        = (next + 1) % LATE;
        for (size_t i = 0; i < LATE; i++)
            if (freed[i])
                freed[i][16] = 0xdd;
    }
    free(block);
}

FAULTY_FAMILY(.free = late_free);
