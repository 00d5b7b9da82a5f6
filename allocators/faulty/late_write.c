/* free still writes to its block a while after it returned, as a list that is built too late does.
 * caught-by: check cross_thread.happens_before cross_thread.reuse */
#include "family.h"

enum { LATE = 8 };

static void late_free(void *block) {
    static _Thread_local unsigned char *freed[LATE];
    static _Thread_local size_t next;
    if (block && malloc_usable_size(block) >= 32) {
        if (freed[next])
            freed[next][16] ^= 1;
        freed[next] = block;
        next        = (next + 1) % LATE;
    }
    free(block);
}

FAULTY_FAMILY(.free = late_free);
