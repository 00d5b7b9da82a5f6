/* After a fork the parent writes into each page of its heap, for its locks lie there.
 * exposed-by: snapshot faults */
#include "base.h"

#include <unistd.h>

static void *begin_of_heap;

static void write_all(void) {
    for (volatile char *page = begin_of_heap; page < (char *)sbrk(0); page += BASE_PAGE)
        *page = *page;
}

__attribute__((constructor)) static void at_fork(void) {
    begin_of_heap = sbrk(0);
    pthread_atfork(NULL, write_all, NULL);
}

BASE_OPERATORS
BASE_FAMILY();
