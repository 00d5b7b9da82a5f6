/* Of two threads that fork at once, each holds the other's fork for its own.
 * caught-by: check
 *   fork.two_at_once at give_up "nothing woke it" */
#include "family.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

static atomic_uint forking; /* relaxed: the count alone */
static bool is_lost;

static void prepare(void) {
    atomic_fetch_add_explicit(&forking, 1, memory_order_relaxed);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void in_parent(void) {
    atomic_fetch_sub_explicit(&forking, 1, memory_order_relaxed);
}

static void in_child(void) {
    is_lost = atomic_load_explicit(&forking, memory_order_relaxed) > 1;
}

__attribute__((constructor)) static void construct(void) {
    pthread_atfork(prepare, in_parent, in_child);
}

static void *own_malloc(size_t size) {
    while (is_lost)
        pause();
    return malloc(size);
}

FAULTY_FAMILY(.malloc = own_malloc);
