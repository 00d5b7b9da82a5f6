/* Takes its heap down when the process ends, before others are done with it.
 * caught-by: check
 *   lifecycle.atexit at at_exit "malloc(%zu) gave NULL in a function of atexit"
 *   exit.while_allocating at go_on "while the process ended" */
#include "family.h"

static bool gone, registered;

static void end(void) {
    gone = true;
}

static void *closing_malloc(size_t size) {
    if (!registered)
        registered = atexit(end) == 0;
    return gone ? NULL : malloc(size);
}

FAULTY_FAMILY(.malloc = closing_malloc);
