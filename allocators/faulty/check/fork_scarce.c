/* Has memory for no more than 40 blocks in a forked child.
 * caught-by: check
 *   fork.nested at again "malloc(%zu) gave NULL in the child" */
#include "family.h"

#include <unistd.h>

static void *scarce_malloc(size_t size) {
    static pid_t home, here;
    static unsigned calls;
    home  = home ? home : getpid();
    calls = here == getpid() ? calls + 1 : 0;
    here  = getpid();
    return here == home || calls < 40 ? malloc(size) : NULL;
}

FAULTY_FAMILY(.malloc = scarce_malloc);
