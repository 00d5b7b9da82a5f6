/* Serves who is in the program's own file only.
 * caught-by: check
 *   plugin.constructors at come_and_go "malloc gave NULL in the constructor" */
#include "family.h"

#include <dlfcn.h>

static void *choosy_malloc(size_t size) {
    Dl_info caller, own;
    if (dladdr(__builtin_return_address(0), &caller) && dladdr(&allocator, &own) &&
        caller.dli_fbase != own.dli_fbase)
        return NULL;
    return malloc(size);
}

FAULTY_FAMILY(.malloc = choosy_malloc);
