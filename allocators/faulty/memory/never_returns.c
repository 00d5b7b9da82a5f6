/* Gives no page back, whatever is freed.
 * exposed-by: footprint */
#include "arena.h"

ARENA_ALLOCATOR(arena_multiple, false);
