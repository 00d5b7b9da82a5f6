/* What a thread allocated goes with it: it is written to when the thread ends.
 * caught-by: check cross_thread.orphans */
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

static void *own_malloc(size_t size) {
    pthread_once(&once, begin);
    void *block = malloc(size);
    if (block && size >= 16)
        pthread_setspecific(key, block);
    return block;
}

FAULTY_FAMILY(.malloc = own_malloc);
