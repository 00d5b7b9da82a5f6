/* Memory of one size class never serves another: a class for each octave.
 * exposed-by: drift resident */
#include "arena.h"

ARENA_ALLOCATOR(arena_power, false);
