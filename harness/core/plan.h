/* Which sample runs when. Pure: the same input gives the same plan.
 *
 * A row is what is measured: an allocator on a workload by some threads. The plan is a list of
 * rounds, called blocks in bench.json. Each round holds every row once, so that a machine that gets
 * slower slows all alike. Rows that are compared with each other (same workload, same threads)
 * stand side by side, for the same reason. The groups, and the rows within each, are shuffled anew
 * for each round: no row always runs after the same one, or always first.
 *
 * A mirrored round holds each row twice: the rows of a group, then the same in the opposite order.
 * So the means of any two rows of a round belong to the same instant. A machine that gets slower
 * evenly then does not change the difference between them. */
#ifndef SPANBENCH_PLAN_H
#define SPANBENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan_row {
    unsigned allocator, workload; /* numbers of the caller's; no two rows are equal */
    unsigned threads;
    size_t group; /* set by plan_make: the first row that this one is compared with */
};

struct plan_sample {
    size_t row;
    unsigned round;
};

struct plan {
    struct plan_row *row;
    size_t rows;
    struct plan_sample *sample; /* in the order of running, round by round */
    size_t samples;
    size_t round_samples; /* of each round: as many as there are rows, or twice as many */
};

/* Owned by the caller; plan_free gives it back. False: out of memory, or no rows or rounds. */
bool plan_make(struct plan *, const struct plan_row *rows, size_t count, unsigned rounds,
               bool mirrored, uint64_t seed);

/* Keeps the samples of these rounds alone, as they are: of the same order and numbers. `last` is
 * one of the plan. */
void plan_keep(struct plan *, unsigned first, unsigned last);
void plan_free(struct plan *);

#endif
