/* The hardening matrix: misuses x allocators x sizes x runs. For a terminal, and as JSON. */
#ifndef SPANBENCH_HARDEN_TABLE_H
#define SPANBENCH_HARDEN_TABLE_H

#include "result.h"

#include <time.h>

struct harden_table {
    const struct options *options;
    const struct registry *registry;
    const bool *chosen;         /* which cells take part */
    struct misuse_info *misuse; /* sorted by name */
    size_t misuses;
    char (*name)[64]; /* of all misuses that there are, chosen or not; sorted */
    size_t names;
    bool size[OPTIONS_SIZES];      /* which take part */
    struct harden_result *outcome; /* harden_table_at */
    bool complete;                 /* every run was made */
    time_t started;
};

/* Asks the cell for its misuses and adds those that the options choose. False: it has none; the
 * cell is then broken, and says why. */
bool harden_table_add(struct harden_table *, struct cell *);

/* Is there, for each glob that the options name, a misuse? If not, standard error says so. */
bool harden_table_names_exist(const struct harden_table *);

/* The misuses that the options choose, a line each. */
void harden_table_print_names(const struct harden_table *, FILE *);

/* Room for the outcomes. False: there is no memory. */
bool harden_table_open(struct harden_table *);
void harden_table_close(struct harden_table *);

/* Does this place of the matrix exist? */
bool harden_table_has(const struct harden_table *, size_t cell, size_t misuse, unsigned size);

/* Runs of all places. */
size_t harden_table_runs(const struct harden_table *);

/* The outcomes of its runs, an array of options.runs. */
struct harden_result *harden_table_at(const struct harden_table *, size_t cell, size_t misuse,
                                      unsigned size);

void harden_table_print(const struct harden_table *, FILE *);

/* The document of hardening.json, a new object; NULL: out of memory. */
json_t *harden_table_json(const struct harden_table *);

#endif
