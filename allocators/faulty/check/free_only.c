/* A thread has a cache once it allocated; free takes it for granted.
 * caught-by: check
 *   cross_thread.free_only at process "SIGSEGV" */
#include "family.h"

static _Thread_local char *cache;

static void *cached_malloc(size_t size) {
    static _Thread_local char has;
    cache = &has;
    return malloc(size);
}

static void cached_free(void *block) {
    *(volatile char *)cache = 1; /* NULL in a thread that never allocated */
    free(block);
}

FAULTY_FAMILY(.malloc = cached_malloc, .free = cached_free);
