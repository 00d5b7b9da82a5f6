/* Its handler of fork waits in the child for a thread that is not there.
 * caught-by: check
 *   fork.parent at give_up "nothing woke it" */
#include "family.h"

#include <pthread.h>
#include <unistd.h>

static void wait_for_nobody(void) {
    for (;;)
        pause();
}

__attribute__((constructor)) static void construct(void) {
    pthread_atfork(NULL, NULL, wait_for_nobody);
}

static void *own_malloc(size_t size) {
    return malloc(size);
}

FAULTY_FAMILY(.malloc = own_malloc);
