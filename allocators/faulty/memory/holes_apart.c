/* Neighbouring holes never join, and a hole serves its own multiple of 64 bytes only.
 * exposed-by: first_fit */
#include "arena.h"

ARENA_ALLOCATOR(arena_multiple, true);
