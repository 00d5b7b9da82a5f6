/* What the check plugin.c and the library that it opens and closes (plugin/library.c) know of each
 * other: the library finds this object in the program. */
#ifndef SPANBENCH_PLUGIN_H
#define SPANBENCH_PLUGIN_H

#include "allocator.h"

struct plugin_host {
    const struct allocator *a;
    unsigned constructed, destructed; /* how often the library was */
    unsigned missing, changed;        /* blocks of it that did not come, or lost their bytes */
    void (*in_constructor)(void);     /* called by its constructor; NULL: nothing */
};

extern struct plugin_host plugin_host;

#endif
