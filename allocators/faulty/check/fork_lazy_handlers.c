/* Installs its handlers of fork with the first block, when others have theirs. They take its lock,
 * also where the forking thread has it.
 * caught-by: check
 *   fork.library fork.in_handler at give_up "nothing woke it" */
#include "family.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void take(void) {
    pthread_mutex_lock(&lock);
}

static void give(void) {
    pthread_mutex_unlock(&lock);
}

static void *locking_malloc(size_t size) {
    static bool installed;
    take();
    if (!installed)
        pthread_atfork(take, give, give);
    installed = true;
    for (unsigned i = 0; i < 2000; i++) /* so that a signal comes meanwhile */
        __asm__ volatile("");
    void *block = malloc(size);
    give();
    return block;
}

FAULTY_FAMILY(.malloc = locking_malloc);
