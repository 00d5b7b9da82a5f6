/* A cell that starts itself anew, for a check that asks for another process than the one that it
 * was linked for. */
#ifndef SPANBENCH_RESTART_H
#define SPANBENCH_RESTART_H

#include "allocator.h"

/* Runs this program in the place of this process, with the same arguments, and preloads what
 * `process` (PROCESS_* of check.h, or'ed) asks for. First comes the allocator, as its users get it,
 * and then the C++ library. `object` is the allocator's file. Returns if all is there already, or
 * nothing more can be done. */
void restart_for(unsigned process, const struct allocator *, const char *object, char **argv);

#endif
