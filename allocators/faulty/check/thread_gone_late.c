/* Has memory for a thread in the first round of its destructors, and none after its own second.
 * caught-by: check
 *   thread_end.rounds at use "malloc(%zu) gave NULL" */
#include "family.h"

#include <pthread.h>

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local unsigned rounds;

static void end(void *value) {
    if (++rounds < 2)
        pthread_setspecific(key, value);
}

static void begin(void) {
    pthread_key_create(&key, end);
}

static void *mortal_malloc(size_t size) {
    pthread_once(&once, begin);
    if (!rounds)
        pthread_setspecific(key, &rounds);
    return rounds < 2 ? malloc(size) : NULL;
}

FAULTY_FAMILY(.malloc = mortal_malloc);
