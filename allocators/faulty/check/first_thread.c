/* Has memory only for the thread that came first.
 * caught-by: check
 *   cross_thread.orphans at orphans "malloc(500) gave NULL" */
#include "family.h"

static void *first_malloc(size_t size) {
    static _Thread_local char self;
    static _Atomic(char *) first;
    char *nobody = NULL;
    atomic_compare_exchange_strong(&first, &nobody, &self);
    return atomic_load(&first) == &self ? malloc(size) : NULL;
}

FAULTY_FAMILY(.malloc = first_malloc);
