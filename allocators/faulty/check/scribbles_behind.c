/* Every 64th call of malloc in a thread writes to the block of the call before.
 * caught-by: check
 *   plugin.constructors plugin.without_growth at come_and_go "bytes changed before the destructor"
 */
#include "family.h"

static _Thread_local unsigned char *previous;

static void *scribbling_malloc(size_t size) {
    static _Thread_local unsigned calls;
    if (++calls % 64 == 0 && previous)
        *previous ^= 0xff;
    return previous = malloc(size);
}

static void forgetting_free(void *block) {
    previous = block == previous ? NULL : previous;
    free(block);
}

FAULTY_FAMILY(.malloc = scribbling_malloc, .free = forgetting_free);
