/* What a thread allocated goes with it: it is written to when the thread ends.
 * caught-by: check
 *   lifecycle.thread_destructors at destroy "a block changed before the destructor of its key ran"
 *   thread_end.rounds at give_up "a block changed"
 *   cross_thread.orphans at orphans "a block of" */
#include "family.h"

#include <pthread.h>

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void end(void *last) {
    memset(last, 0xdd, 16);
}

static void begin(void) {
    pthread_key_create(&key, end);
}

/* Its key is the first, and its destructor runs before those of later keys. */
__attribute__((constructor)) static void construct(void) {
    pthread_once(&once, begin);
}

static void *own_malloc(size_t size) {
    pthread_once(&once, begin);
    void *block = malloc(size);
    if (block && size >= 16)
        pthread_setspecific(key, block);
    return block;
}

FAULTY_FAMILY(.malloc = own_malloc);
