#include "plan.h"

#include <stdlib.h>
#include <string.h>

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z          = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z          = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Uniform in [0, n) to within 2^-32, for n below 2^32. */
static size_t below(uint64_t *state, size_t n) {
    return (size_t)((splitmix64(state) >> 32) * n >> 32);
}

static void shuffle(uint64_t *state, size_t *list, size_t n) {
    for (size_t i = n; i > 1; i--) {
        const size_t j    = below(state, i);
        const size_t last = list[i - 1];
        list[i - 1]       = list[j];
        list[j]           = last;
    }
}

/* Rows that are compared with each other, as a run of `member`. */
struct group {
    size_t first, count;
};

struct grouping {
    size_t *member; /* numbers of rows, group by group */
    struct group *group;
    size_t *turn; /* numbers of groups, in the order of the current round */
    size_t groups;
    bool mirrored;
};

static bool compared(const struct plan_row *a, const struct plan_row *b) {
    return a->workload == b->workload && a->threads == b->threads;
}

static void group_rows(struct plan *plan, struct grouping *g) {
    size_t placed = 0;
    g->groups     = 0;
    for (size_t i = 0; i < plan->rows; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = compared(&plan->row[i], &plan->row[j]);
        if (seen)
            continue;
        struct group *group = &g->group[g->groups];
        g->turn[g->groups]  = g->groups;
        g->groups++;
        group->first = placed;
        for (size_t j = i; j < plan->rows; j++)
            if (compared(&plan->row[i], &plan->row[j])) {
                plan->row[j].group  = i;
                g->member[placed++] = j;
            }
        group->count = placed - group->first;
    }
}

/* Appends one round; returns the place after it. */
static struct plan_sample *add_round(struct plan_sample *next, unsigned round, struct grouping *g,
                                     uint64_t *seed) {
    shuffle(seed, g->turn, g->groups);
    for (size_t t = 0; t < g->groups; t++) {
        const struct group *group = &g->group[g->turn[t]];
        size_t *member            = g->member + group->first;
        shuffle(seed, member, group->count);
        for (size_t i = 0; i < group->count; i++)
            *next++ = (struct plan_sample){member[i], round};
        for (size_t i = g->mirrored ? group->count : 0; i > 0; i--)
            *next++ = (struct plan_sample){member[i - 1], round};
    }
    return next;
}

bool plan_make(struct plan *plan, const struct plan_row *rows, size_t count, unsigned rounds,
               bool mirrored, uint64_t seed) {
    *plan = (struct plan){.rows = count, .round_samples = count};
    if (mirrored)
        plan->round_samples *= 2;
    plan->samples = plan->round_samples * rounds;
    if (!plan->samples)
        return false;
    struct grouping g = {.member   = calloc(count, sizeof *g.member),
                         .group    = calloc(count, sizeof *g.group),
                         .turn     = calloc(count, sizeof *g.turn),
                         .mirrored = mirrored};
    plan->row         = calloc(count, sizeof *plan->row);
    plan->sample      = calloc(plan->samples, sizeof *plan->sample);
    const bool memory = g.member && g.group && g.turn && plan->row && plan->sample;
    if (memory) {
        memcpy(plan->row, rows, count * sizeof *rows);
        group_rows(plan, &g);
        struct plan_sample *next = plan->sample;
        for (unsigned round = 0; round < rounds; round++)
            next = add_round(next, round, &g, &seed);
    } else {
        plan_free(plan);
    }
    free(g.member);
    free(g.group);
    free(g.turn);
    return memory;
}

void plan_keep(struct plan *plan, unsigned first, unsigned last) {
    plan->samples = (size_t)(last - first + 1) * plan->round_samples;
    memmove(plan->sample, plan->sample + (size_t)first * plan->round_samples,
            plan->samples * sizeof *plan->sample);
}

void plan_free(struct plan *plan) {
    free(plan->row);
    free(plan->sample);
    *plan = (struct plan){0};
}
