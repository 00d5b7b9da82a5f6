/* A page serves one power of two for ever, until nothing at all is live: one survivor pins it.
 * exposed-by: survivors */
#include "arena.h"

ARENA_ALLOCATOR(arena_power, true);
