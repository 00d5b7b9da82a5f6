/* sizes: random replacement of blocks whose sizes the user gives, by `--sizes`: a histogram, such
 * as one of a program's own requests, or a log-normal distribution.
 *
 * Stresses: what a program with these sizes stresses: their size classes, and the gaps between.
 * Origin: the user. A histogram says which sizes, not in which order, nor how long each block
 * lives. Here both are random, so the row shows how an allocator serves the sizes, and not how it
 * serves the program. Good and bad: as the band in which most of the sizes lie.
 *
 * Where no sizes are given, eight ranges stand in for a log-normal with median 96 B and sigma 1.3,
 * as of small objects and strings. */
#include "sizes.h"
#include "replace.h"

enum { ROUNDS = 3, MIN_BYTES = 8, MAX_BYTES = 2048 };

#define RANGE(from, to)                                                                            \
    { .least = (from), .most = (to), .keep = UINT32_MAX }
static const struct sizes stand_in = {
    .count = 8,
    .mean  = 257,
    .range = {RANGE(MIN_BYTES, 21), RANGE(22, 40), RANGE(41, 63), RANGE(64, 96), RANGE(97, 145),
              RANGE(146, 230), RANGE(231, 428), RANGE(429, MAX_BYTES)},
};

static struct replace load_of(const struct worker *w) {
    const struct sizes *sizes = w->sizes ? w->sizes : &stand_in;
    return (struct replace){.slots = sizes_blocks(sizes), .rounds = ROUNDS, .sizes = sizes};
}

/* The digest is of the distribution, too: two that differ in rare sizes may draw the same. */
static void warm_up(struct worker *w, bool verify_it) {
    if (w->thread == 0 && w->sizes)
        w->digest += w->sizes->digest;
    replace_warm_up(w, verify_it, load_of(w));
}

static void run(struct worker *w) {
    replace_run(w, load_of(w));
}

static void verify(struct worker *w) {
    replace_verify(w, load_of(w));
}

static void inspect(struct worker *w, bool verified) {
    replace_inspect(w, verified, load_of(w));
}

static void drain(struct worker *w) {
    replace_drain(w, load_of(w));
}

const struct workload workload_sizes = {
    .abi          = WORKLOAD_ABI,
    .name         = "sizes",
    .group        = "bands",
    .summary      = "your sizes (--sizes), 32768 live blocks or 32 MiB a thread; else 8 B to 2 KiB",
    .stresses     = "the size classes of your program's requests",
    .takes_sizes  = true,
    .ops          = 4000000,
    .quick_ops    = 800000,
    .brief_ops    = 100000,
    .min_bytes    = MIN_BYTES,
    .max_bytes    = MAX_BYTES,
    .memory_bytes = REPLACE_MEMORY_BYTES(SIZES_MOST_BLOCKS),
    .warm_up      = warm_up,
    .run          = run,
    .verify       = verify,
    .inspect      = inspect,
    .drain        = drain,
};
