/* In a forked child, each block is given twice.
 * caught-by: check
 *   fork.first_allocation fork.two_at_once at begin_life "changed in the child" */
#include "family.h"

#include <pthread.h>

static bool is_child;
static void *last;

static void in_child(void) {
    is_child = true;
}

__attribute__((constructor)) static void construct(void) {
    pthread_atfork(NULL, NULL, in_child);
}

static void *twin_malloc(size_t size) {
    if (is_child && last && size <= malloc_usable_size(last))
        return last;
    void *block = malloc(size);
    last        = is_child ? block : NULL;
    return block;
}

static void leaking_free(void *block) {
    if (!is_child)
        free(block);
}

FAULTY_FAMILY(.malloc = twin_malloc, .free = leaking_free);
