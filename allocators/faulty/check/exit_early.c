/* Ends the process at once when it is about to end.
 * caught-by: check
 *   lifecycle.atexit at in_atexit "the function of atexit did not end" */
#include "family.h"

#include <unistd.h>

static void end(void) {
    _exit(0);
}

static void *closing_malloc(size_t size) {
    static bool registered;
    registered = registered || atexit(end) == 0;
    return malloc(size);
}

FAULTY_FAMILY(.malloc = closing_malloc);
