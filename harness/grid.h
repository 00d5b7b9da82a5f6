/* The hardening matrix: misuses x allocators x sizes x runs. For a terminal, and as JSON. */
#ifndef SPANBENCH_GRID_H
#define SPANBENCH_GRID_H

#include "outcome.h"

#include <time.h>

struct grid {
    const struct options *options;
    const struct registry *registry;
    const bool *chosen;         /* which cells take part */
    struct misuse_info *misuse; /* sorted by name */
    size_t misuses;
    char (*name)[64]; /* of all misuses that there are, chosen or not; sorted */
    size_t names;
    bool size[OPTIONS_SIZES]; /* which take part */
    struct outcome *outcome;  /* grid_at */
    bool complete;            /* every run was made */
    time_t started;
};

/* Asks the cell for its misuses and adds those that the options choose. False: it has none; the
 * cell is then broken, and says why. */
bool grid_add(struct grid *, struct cell *);

/* Is there, for each glob that the options name, a misuse? If not, standard error says so. */
bool grid_names_exist(const struct grid *);

/* The misuses that the options choose, a line each. */
void grid_print_names(const struct grid *, FILE *);

/* Room for the outcomes. False: there is no memory. */
bool grid_open(struct grid *);
void grid_close(struct grid *);

/* Does this place of the matrix exist? */
bool grid_has(const struct grid *, size_t cell, size_t misuse, unsigned size);

/* Runs of all places. */
size_t grid_runs(const struct grid *);

/* The outcomes of its runs, an array of options.runs. */
struct outcome *grid_at(const struct grid *, size_t cell, size_t misuse, unsigned size);

void grid_print(const struct grid *, FILE *);

/* The document of hardening.json, a new object; NULL: out of memory. */
json_t *grid_json(const struct grid *);

#endif
