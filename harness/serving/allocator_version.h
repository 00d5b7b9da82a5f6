/* The version of an allocator, from the file that it is in. */
#ifndef SPANBENCH_ALLOCATOR_VERSION_H
#define SPANBENCH_ALLOCATOR_VERSION_H

#include "known.h"

/* Writes the version; "" if none is found. `known` may be NULL. `path` is of the file, `fd` has it
 * open (negative: only the path is looked at). */
void allocator_version(const struct known_allocator *known, int fd, const char *path, char *to,
                       size_t size);

#endif
