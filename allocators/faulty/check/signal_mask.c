/* Blocks signals around its lock, and forgets to let them in again on a way out that is rare.
 * caught-by: check
 *   signal.alternate_stack at alternate_stack "changed the mask" */
#include "family.h"

#include <pthread.h>
#include <signal.h>

static void *guarded_malloc(size_t size) {
    static _Thread_local unsigned calls;
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    if (++calls % 64 == 0)
        pthread_sigmask(SIG_BLOCK, &one, NULL);
    return malloc(size);
}

FAULTY_FAMILY(.malloc = guarded_malloc);
