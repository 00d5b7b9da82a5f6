/* touch_random: 131,072 nodes of 32 to 128 bytes, about 9 MiB, visited at random, from one to the
 * next: a hash table with chains, a graph.
 *
 * Good: the nodes lie close together, on few pages, each in as few lines as it can. So caches and
 * the table of pages (TLB) hold a larger part of them. Bad: books between them, or sizes that are
 * rounded up, spread them over more lines and pages. */
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
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = (uint32_t)((random >> 32) + touch_wait(&b->path)) % PLACES;
    w->digest += random | 1;
    return touch_visit(w, &b->held[place], &b->path, place, verify);
}
PLACES_RUNS(build, visit)
PLACES_INSPECT PLACES_DRAIN

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
