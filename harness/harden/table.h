/* What a run of harden found, misuses x allocators x sizes, some runs at each place, and how a
 * terminal shows it. */
#ifndef SPANBENCH_HARDEN_TABLE_H
#define SPANBENCH_HARDEN_TABLE_H

#include "result.h"

#include <time.h>

struct harden_table {
    const struct options *options;
    const struct harden_list *list;
    const struct registry *registry;
    const bool *chosen;           /* which cells take part */
    bool size[OPTIONS_SIZES];     /* which take part */
    struct harden_result *result; /* harden_table_at */
    time_t started;
    bool complete; /* every run was made */
};

/* Makes room for the results. False: out of memory. */
bool harden_table_open(struct harden_table *);
void harden_table_close(struct harden_table *);

/* Does this place of the table exist? */
bool harden_table_has(const struct harden_table *, size_t cell, size_t misuse, unsigned size);

/* How many runs all places have. */
size_t harden_table_runs(const struct harden_table *);

/* The results of a place, an array of options.runs. */
struct harden_result *harden_table_at(const struct harden_table *, size_t cell, size_t misuse,
                                      unsigned size);

/* Adds to `of`, by their ends, how many runs of a place ended so. */
void harden_table_count(const struct harden_table *, const struct harden_result *runs,
                        unsigned of[HARDEN_RESULT_ENDS]);

/* Prints the table, in as many bands of columns as the terminal's width asks for, the sums of each
 * allocator, and a legend. */
void harden_table_print(const struct harden_table *, FILE *);

#endif
