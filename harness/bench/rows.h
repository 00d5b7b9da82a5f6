/* The rows of a run: a row is an allocator on a workload by some threads. While the run goes on,
 * each row learns whether its allocator passed its check, the digest of its requests, and why no
 * more samples of it are taken.
 *
 * Each round has a seed of its own, the same for all rows of the round, unless the options say
 * otherwise. So the spread of a row's samples holds the luck of the draw. Rows can still be
 * compared pair by pair.
 *
 * Before the first sample of a row, all rows that it is compared with make a verifying pass, and
 * all must have made the same requests. In each further round, one of them in turn makes a
 * verifying pass with the seed of that round, and all must make the same requests as that one. */
#ifndef SPANBENCH_ROWS_H
#define SPANBENCH_ROWS_H

#include "options.h"
#include "plan.h"
#include "registry.h"
#include "sample.h"

enum { ROW_NAME_BYTES = 160 };

struct row_state {
    double seconds;    /* of its last sample's process; 0: there is none yet */
    bool checked;      /* its verifying pass was good, or it needs none */
    char stopped[640]; /* why no more samples of it are taken; "" = they are */
    char digest[17];   /* of its first verifying pass; "" = not yet known */

    /* In the state of the first row of a group, for the whole group: */
    unsigned round;        /* that is going on */
    char round_digest[17]; /* of this round's requests; "" = not yet known */
    size_t witness;        /* the row that it was learnt from */
};

/* How long something takes on average. */
struct pace {
    double seconds;
    size_t count;
};

struct rows {
    const struct options *options;
    struct registry registry;
    struct plan plan;
    struct row_state *state; /* one for each of plan.row */
    struct pace checks, timings;
    json_t *unmeasured;  /* an array: what has no row, {"workload", "allocator", "why"} */
    size_t round_checks; /* verifying passes of rounds after the first */
};

/* Finds the cells, chooses among them and by --benchmark_filter among the rows, and makes the plan;
 * standard error says which chosen cells have no rows. False: nothing can be measured as asked for,
 * or out of memory; standard error says why. The caller closes in any case. */
bool rows_open(struct rows *, const struct options *);
void rows_close(struct rows *);

const struct cell *rows_cell(const struct rows *, size_t row);
const struct workload_info *rows_workload(const struct rows *, size_t row);

/* Is it a workload of the group memory, for which is read how much is left after the end? */
bool rows_memory_counts(const struct workload_info *);

/* "workload/allocator/threads:N" */
void rows_name(const struct rows *, size_t row, char name[ROW_NAME_BYTES]);

/* The seed of all requests of a round: that of the options and the number of the round, added up.
 */
uint64_t rows_seed(const struct rows *, unsigned round);

struct sample_request rows_request(const struct rows *, size_t row, unsigned round);

/* Makes the verifying passes that must come before a sample of this row in this round, once. Rounds
 * come in their order. False: an interrupt came. */
bool rows_check(struct rows *, size_t row, unsigned round);

/* Takes one sample of a row that was checked. A row that was stopped fails at once with its cause.
 * False: an interrupt came first. */
bool rows_time(struct rows *, size_t row, unsigned round, struct sample *);

/* The mean time of a sample, and that of all verifying passes still to be made, in seconds. Below
 * 0: not known yet. */
double rows_sample_seconds(const struct rows *);
double rows_checks_left_seconds(const struct rows *);

#endif
