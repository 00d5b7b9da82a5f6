#include "owner_of.h"

#include <dlfcn.h>

const char *owner_of(const void *function) {
    Dl_info info;
    return function && dladdr(function, &info) && info.dli_fname ? info.dli_fname : "";
}

/* The adapter's malloc: that of the run may be a tracer's. Weak: the tests of the parts of a cell
 * have no adapter. */
#pragma weak allocator
const char *owner_of_allocator(const struct check_run *c) {
    const struct allocator *adapter = &allocator;
    return owner_of((const void *)(adapter ? adapter : c->a)->malloc);
}
