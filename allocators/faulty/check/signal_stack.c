/* Puts the thread back on its own stack for signals, as who uses one for guard pages may.
 * caught-by: check
 *   signal.alternate_stack at alternate_stack "arrived on another" */
#include "family.h"

#include <signal.h>

static void *hunting_malloc(size_t size) {
    static unsigned calls;
    if (++calls % 64 == 0)
        sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    return malloc(size);
}

FAULTY_FAMILY(.malloc = hunting_malloc);
