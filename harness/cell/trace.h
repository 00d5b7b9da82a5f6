/* The last calls that a check made of its allocator, for --verbose: what led to a failure. */
#ifndef SPANBENCH_TRACE_H
#define SPANBENCH_TRACE_H

#include "allocator.h"

/* The same allocator, whose functions note each call, of any thread and in children, too. Call it
 * once. NULL: no memory for it. */
const struct allocator *trace_begin(const struct allocator *);

/* Writes the last calls to a descriptor, the oldest first, and how many there were. */
void trace_print(int fd);

#endif
