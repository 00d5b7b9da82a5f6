/* Has no memory for a thread whose own destructor has run.
 * caught-by: check
 *   lifecycle.thread_destructors at destroy "malloc(%zu) gave NULL in a destructor" */
#include "family.h"

#include <pthread.h>

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool gone;

static void end(void *value) {
    (void)value;
    gone = true;
}

static void begin(void) {
    pthread_key_create(&key, end);
}

/* Its key is the first, and its destructor runs before those of later keys. */
__attribute__((constructor)) static void construct(void) {
    pthread_once(&once, begin);
}

static void *mortal_malloc(size_t size) {
    pthread_once(&once, begin);
    pthread_setspecific(key, &gone);
    return gone ? NULL : malloc(size);
}

FAULTY_FAMILY(.malloc = mortal_malloc);
