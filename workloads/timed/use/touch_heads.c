/* touch_heads: the first line of each of 256 buffers of 4 to 8 KiB, visited at random. So a server
 * looks at a table of connections or of tasks, each of which is a large structure.
 *
 * A cache has place for few lines whose addresses are equal modulo a page (8 in most of today's
 * first caches).
 * Good: buffers begin at various offsets in their page ("colours", Bonwick, "The
 * slab allocator", USENIX 1994), and the 256 lines are in the first cache all the time. Bad: each
 * begins at the beginning of a page, and the heads push each other out. */
#include "touch.h"

enum { PLACES = 256, MIN_BYTES = 4096, OCTAVES = 1 };
TOUCH_FAMILY(touch_any)

const struct workload workload_touch_heads = {
    .name        = "touch_heads",
    .group       = "use",
    .summary     = "the heads of 256 buffers of 4 to 8 KiB a thread, visited at random",
    .stresses    = "addresses that are equal modulo a page",
    .ops         = 16000000,
    .quick_ops   = 4000000,
    .brief_ops   = 250000,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
