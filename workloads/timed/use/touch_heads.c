/* touch_heads: the first line of each of 256 buffers of 4 to 8 KiB, visited at random. So a server
 * looks at a table of connections or of tasks, each of which is a large structure.
 *
 * A cache has place for few lines whose addresses are equal modulo a page (8 in most of today's
 * first caches).
 * Good: buffers begin at various offsets in their page ("colours", Bonwick, "The
 * slab allocator", USENIX 1994), and the 256 lines are in the first cache all the time. Bad: each
 * begins at the beginning of a page, and the heads push each other out. */
#include "touch.h"

enum { PLACES = 256, MIN_BYTES = 4096, MAX_BYTES = 8192, WARM_UP = 3 * PLACES };
static const struct touch nodes = {PLACES, MIN_BYTES, 1};

struct books {
    struct held held[PLACES];
    struct touch_path path;
};

STREAM_INLINE bool build(struct worker *w, struct step op, bool verify) {
    struct books *b = w->memory;
    return touch_build(w, b->held, op, nodes, verify);
}

STREAM_INLINE bool visit(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = (uint32_t)((random >> 32) + touch_wait(&b->path)) % PLACES;
    w->digest += random | 1;
    return touch_visit(w, &b->held[place], &b->path, place, verify);
}
PLACES_RUNS(build, visit)
PLACES_INSPECT PLACES_DRAIN

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
