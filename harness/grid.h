/* The hardening matrix: misuses x allocators x sizes x runs. For a terminal, and as JSON. */
#ifndef SPANBENCH_GRID_H
#define SPANBENCH_GRID_H

#include "outcome.h"

struct grid {
    const struct options *options;
    const struct registry *registry;
    const bool *chosen;         /* which cells take part */
    struct misuse_info *misuse; /* sorted by name */
    size_t misuses;
    bool size[OPTIONS_SIZES]; /* which take part */
    struct outcome *outcome;  /* grid_at */
};

/* Asks the cell for its misuses and adds those that the options choose. False: it has none; the
 * cell is then broken, and says why. */
bool grid_add(struct grid *, struct cell *);

/* Room for the outcomes. False: there is no memory. */
bool grid_open(struct grid *);
void grid_close(struct grid *);

/* Does this place of the matrix exist? */
bool grid_has(const struct grid *, size_t cell, size_t misuse, unsigned size);

/* The outcomes of its runs, an array of options.runs. */
struct outcome *grid_at(const struct grid *, size_t cell, size_t misuse, unsigned size);

void grid_print(const struct grid *, FILE *);

/* The document of hardening.json, a new object. */
json_t *grid_json(const struct grid *);

#endif
