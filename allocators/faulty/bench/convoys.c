/* The 65th block of over 1 KiB in a row of one size, and each one after it, comes from behind one
 * lock.
 * exposed-by: lock_convoy locks */
#include "base.h"

enum { CACHED = 64, FROM = 1025 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *convoy_malloc(size_t size) {
    static _Thread_local size_t before = 1;
    static _Thread_local unsigned row;
    row    = size == before ? row + 1 : 0;
    before = size;
    if (row < CACHED || size < FROM)
        return base_malloc(size);
    pthread_mutex_lock(&lock);
    void *block = base_malloc(size);
    pthread_mutex_unlock(&lock);
    return block;
}

BASE_OPERATORS
FAULTY_FAMILY(.malloc = convoy_malloc);
