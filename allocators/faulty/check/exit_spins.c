/* Waits at the end of the process for a lock that nobody gives back.
 * caught-by: check
 *   lifecycle.atexit at give_up "of processor time" */
#include "family.h"

static void end(void) {
    for (;;)
        __asm__ volatile("");
}

static void *closing_malloc(size_t size) {
    static bool registered;
    registered = registered || atexit(end) == 0;
    return malloc(size);
}

FAULTY_FAMILY(.malloc = closing_malloc);
