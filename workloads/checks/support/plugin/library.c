/* A library that the check plugin.c opens and closes: its constructor allocates, its destructor
 * frees. Its thread-local memory is of the kind that the dynamic linker gets from malloc. */
#include "plugin.h"

#include <string.h>

enum { BLOCKS = 50, STEP = 97, LOCAL = 4096 };
static unsigned char *block[BLOCKS];
static _Thread_local unsigned char local[LOCAL] __attribute__((tls_model("global-dynamic")));

static size_t size_of(size_t nth) {
    return 1 + nth * STEP;
}

__attribute__((constructor)) static void construct(void) {
    memset(local, 1, sizeof local);
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = plugin_host.a->malloc(size_of(i));
        plugin_host.missing += !block[i];
        if (block[i])
            memset(block[i], (int)i, size_of(i));
    }
    if (plugin_host.in_constructor)
        plugin_host.in_constructor();
    plugin_host.constructed++;
}

__attribute__((destructor)) static void destruct(void) {
    for (size_t i = 0; i < BLOCKS; i++) {
        for (size_t at = 0; block[i] && at < size_of(i); at++)
            plugin_host.changed += block[i][at] != (unsigned char)i;
        plugin_host.a->free(block[i]);
    }
    plugin_host.destructed++;
}
