/* Opens a file at each call, and closes none.
 * caught-by: check
 *   plugin.constructors plugin.without_growth at come_and_go "dlopen:" */
#include "family.h"

#include <fcntl.h>
#include <sys/resource.h>

/* Few files, wherever it runs. */
__attribute__((constructor)) static void construct(void) {
    struct rlimit l;
    getrlimit(RLIMIT_NOFILE, &l);
    l.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &l);
}

static void *opening_malloc(size_t size) {
    (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
    return malloc(size);
}

FAULTY_FAMILY(.malloc = opening_malloc);
