/* fork(2) while other threads allocate: the forking thread holds every lock across it, so that the
 * child finds nothing half done under one. Order of locks: caches, central lists, heap. */
#include "mcache.h"
#include "mcentral.h"
#include "mheap.h"
#include "scavenge.h"

#include <pthread.h>

static void before(void) {
    mcache_before_fork();
    mcentral_lock_all();
    mheap_lock_all();
}

static void in_parent(void) {
    mheap_unlock_all();
    mcentral_unlock_all();
    mcache_after_fork(false);
}

static void in_child(void) {
    mheap_unlock_all();
    mcentral_unlock_all();
    mcache_after_fork(true);
    scavenge_after_fork();
}

/* Handlers that were installed first run last before the fork, and first after it, so that those of
 * others may allocate. First of all constructors of the process: the shared library is linked with
 * -z initfirst. */
__attribute__((constructor(101))) static void install(void) {
    pthread_atfork(before, in_parent, in_child);
}
