/* Waits in a forked child for a lock whose owner is not there.
 * caught-by: check
 *   fork.threads at give_up "nothing woke it" */
#include "family.h"

#include <unistd.h>

static void *orphaned_malloc(size_t size) {
    static pid_t home;
    home = home ? home : getpid();
    while (getpid() != home)
        pause();
    return malloc(size);
}

FAULTY_FAMILY(.malloc = orphaned_malloc);
