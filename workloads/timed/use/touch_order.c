/* touch_order: 131,072 nodes of 32 to 128 bytes, about 9 MiB, visited from one to the next in the
 * order of their allocation. So a list is walked, and a tree is searched depth first.
 *
 * Good: neighbours in time are neighbours in memory. The next node is in the same line or page, and
 * the processor has fetched it already. Bad: nodes lie in the order in which earlier blocks were
 * freed, or far apart. */
#include "touch.h"

enum { PLACES = 131072, MIN_BYTES = 32, OCTAVES = 2 };
TOUCH_FAMILY(touch_next)

const struct workload workload_touch_order = {
    .name        = "touch_order",
    .group       = "use",
    .summary     = "131072 nodes of 32 to 128 B a thread, visited as they were allocated",
    .stresses    = "whether neighbours in time are neighbours in memory",
    .ops         = 16000000,
    .quick_ops   = 4000000,
    .brief_ops   = 250000,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
