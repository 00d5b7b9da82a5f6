/* The first block of a thread is given under a lock, which a child finds as it was at the fork.
 * caught-by: check
 *   fork.first_allocation at give_up "nothing woke it" */
#include "family.h"

#include <pthread.h>
#include <time.h>

static void *registering_malloc(size_t size) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static _Thread_local bool is_known;
    if (!is_known) {
        pthread_mutex_lock(&lock);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        pthread_mutex_unlock(&lock);
    }
    is_known = true;
    return malloc(size);
}

FAULTY_FAMILY(.malloc = registering_malloc);
