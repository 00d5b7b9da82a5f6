#include "owner_of.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

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

const char *owner_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool owner_is_allocator(const struct check_run *c, const char *path) {
    return strcmp(path, owner_of_allocator(c)) == 0 ||
           (c->a->preload && strcmp(owner_name(path), c->a->preload) == 0);
}

bool owner_serves_process(struct check_run *c) {
    const char *of = owner_of((const void *)malloc);
    if (!owner_is_allocator(c, of))
        check_unsupported(c, "the process's malloc is of %s", owner_name(of));
    return owner_is_allocator(c, of);
}
