/* touch_random: 131,072 nodes of 32 to 128 bytes, about 9 MiB, visited at random, from one to the
 * next: a hash table with chains, a graph.
 *
 * Good: the nodes lie close together, on few pages, each in as few lines as it can. So caches and
 * the table of pages (TLB) hold a larger part of them. Bad: books between them, or sizes that are
 * rounded up, spread them over more lines and pages.
 *
 * To each node leads an entry of a table of 2 MiB, which is read at random before it. That costs
 * the same with every allocator, so differences are larger than the ratios say. */
#include "touch.h"

enum { PLACES = 131072, MIN_BYTES = 32, OCTAVES = 2 };
TOUCH_FAMILY(touch_any)

const struct workload workload_touch_random = {
    .name        = "touch_random",
    .group       = "use",
    .summary     = "131072 nodes of 32 to 128 B a thread, visited at random",
    .stresses    = "how many lines and pages the nodes lie in",
    .ops         = 4000000,
    .quick_ops   = 1000000,
    .brief_ops   = 100000,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
