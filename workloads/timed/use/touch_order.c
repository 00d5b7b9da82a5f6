/* touch_order: 131,072 nodes of 32 to 128 bytes, about 9 MiB, visited from one to the next in the
 * order of their allocation. So a list is walked, and a tree is searched depth first.
 *
 * Good: neighbours in time are neighbours in memory. The next node is in the same line or page, and
 * the processor has fetched it already. Bad: nodes lie in the order in which earlier blocks were
 * freed, or far apart. */
#include "touch.h"

enum { PLACES = 131072, MIN_BYTES = 32, OCTAVES = 2, MAX_BYTES = MIN_BYTES << OCTAVES };
enum { WARM_UP = 3 * PLACES };
static const struct touch nodes = {PLACES, MIN_BYTES, OCTAVES};

struct books {
    struct held held[PLACES];
    struct touch_path path;
};

STREAM_INLINE bool build(struct worker *w, struct step op, bool verify) {
    struct books *b = w->memory;
    return touch_build(w, b->held, op, nodes, verify);
}

STREAM_INLINE bool visit(struct worker *w, struct step op, bool verify) {
    struct books *b      = w->memory;
    const uint32_t place = (uint32_t)((op.number + touch_wait(&b->path)) % PLACES);
    w->digest += step_random(op, 0) | 1;
    return touch_visit(w, &b->held[place], &b->path, place, verify);
}
PLACES_RUNS(build, visit)
PLACES_INSPECT PLACES_DRAIN

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
