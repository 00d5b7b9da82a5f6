/* What the program maps itself, past malloc. */
#ifndef SPANBENCH_WHY_OUTSIDE_H
#define SPANBENCH_WHY_OUTSIDE_H

#include <stdint.h>

/* A block lies there. So that range is the allocator's, whoever called mmap: a library that the
 * allocator loads, or a hook in the program. */
void outside_has_block(uint64_t address);

#endif
