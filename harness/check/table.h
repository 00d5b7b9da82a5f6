/* What a run of check found, checks x allocators, and how a terminal shows it. */
#ifndef SPANBENCH_CHECK_TABLE_H
#define SPANBENCH_CHECK_TABLE_H

#include "result.h"

#include <time.h>

struct check_table {
    const struct options *options;
    const struct check_list *list;
    const struct registry *registry;
    const bool *chosen;          /* which cells take part; the floor does not */
    struct check_result *result; /* [cell * checks + check] */
    size_t findings;
    time_t started;
    bool complete; /* every check was run */
};

/* Makes room for the results. False: out of memory. */
bool check_table_open(struct check_table *);
void check_table_close(struct check_table *);

/* How many checks are to be run, of all cells. */
size_t check_table_runs(const struct check_table *);

struct check_result *check_table_at(const struct check_table *, size_t cell, size_t check);

/* How many of one allocator's checks ended in which way. A failure that counts is in `fail` or
 * `known`, one that does not in `no`; a known failure that passes is in `fixed`. */
struct tally {
    size_t pass, fail, known, fixed, choices, unsupported, not_run; /* pass: of those that count */
    size_t extension_yes, extension_no, quality_yes, quality_no;    /* of those that do not */
    double seconds;
};
struct tally check_table_tally(const struct check_table *, size_t cell);

/* Prints the table, in as many bands of columns as the terminal's width asks for, every finding in
 * words, and a line for each allocator. Colours on a terminal only, and not where NO_COLOR is set.
 */
void check_table_print(const struct check_table *, FILE *);

/* A failure in some lines: what was promised, expected, and seen, and how to repeat it. */
void check_table_print_failure(const struct check_table *, size_t cell, size_t check,
                               const char *indent, FILE *);

/* Why a failure is known; "" where it is not. */
const char *check_table_reason(const struct check_result *);

#endif
