/* Gives all free memory back at the first free after the thread has slept.
 * exposed-by: lifetimes faults */
#include "base.h"

#include <sys/resource.h>

static void purge(void *block) {
    static _Thread_local long sleeps;
    struct rusage u;
    free(block);
    getrusage(RUSAGE_THREAD, &u);
    if (u.ru_nvcsw != sleeps)
        malloc_trim(0);
    sleeps = u.ru_nvcsw;
}

BASE_OPERATORS
BASE_FAMILY(.free = purge);
