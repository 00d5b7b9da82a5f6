/* Takes what other threads freed from their list one call too late, when the block has a new owner.
 * caught-by: check
 *   cross_thread.reuse at keep_and_send "in the hands of its new owner" */
#include "family.h"

static _Atomic(unsigned char *) remote; /* a list of one block */

static void *unlinking_malloc(size_t size) {
    static _Thread_local unsigned char *taken;
    if (taken)
        *taken ^= 0xff;
    taken = atomic_exchange(&remote, NULL);
    if (taken && malloc_usable_size(taken) >= size)
        return taken;
    free(taken);
    taken = NULL;
    return malloc(size);
}

static void listing_free(void *block) {
    if (block)
        free(atomic_exchange(&remote, (unsigned char *)block));
}

FAULTY_FAMILY(.malloc = unlinking_malloc, .free = listing_free);
