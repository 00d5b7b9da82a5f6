/* Has no memory in a forked child.
 * caught-by: check
 *   fork.single fork.nested at live_on "malloc(%zu) gave NULL in the child"
 *   fork.threads at use_little "malloc(%zu) gave NULL in the child"
 *   fork.first_allocation fork.two_at_once
 *     at begin_life "malloc(%zu) gave NULL in the child"
 *   fork.early_library at allocate "malloc(%zu) gave NULL in the child" */
#include "family.h"

#include <unistd.h>

static void *home_malloc(size_t size) {
    static pid_t home;
    home = home ? home : getpid();
    return getpid() == home ? malloc(size) : NULL;
}

FAULTY_FAMILY(.malloc = home_malloc);
