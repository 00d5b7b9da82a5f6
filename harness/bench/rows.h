/* The rows of a run: a row is an allocator on a workload by some threads. While the run goes on,
 * each row learns whether its allocator passed its check, the digest of its requests, and why no
 * more samples of it are taken.
 *
 * Before the first sample of a row, all rows that it is compared with make a verifying pass, and
 * all must have made the same requests. */
#ifndef SPANBENCH_ROWS_H
#define SPANBENCH_ROWS_H

#include "options.h"
#include "plan.h"
#include "registry.h"
#include "sample.h"

enum { ROW_NAME_BYTES = 160 };

struct row_state {
    bool checked;      /* its verifying pass was good, or it needs none */
    char stopped[640]; /* why no more samples of it are taken; "" = they are */
    char digest[17];   /* of its requests; "" = not yet known */
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
};

/* Finds the cells, chooses among them and by --benchmark_filter among the rows, and makes the plan;
 * standard error says which chosen cells have no rows. False: nothing can be measured as asked for,
 * or out of memory; standard error says why. The caller closes in any case. */
bool rows_open(struct rows *, const struct options *);
void rows_close(struct rows *);

const struct cell *rows_cell(const struct rows *, size_t row);
const struct workload_info *rows_workload(const struct rows *, size_t row);

/* "workload/allocator/threads:N" */
void rows_name(const struct rows *, size_t row, char name[ROW_NAME_BYTES]);

struct sample_request rows_request(const struct rows *, size_t row);

/* Makes the verifying passes that must come before a sample of this row, once. False: an interrupt
 * came. */
bool rows_check(struct rows *, size_t row);

/* Takes one sample of a row that was checked. A row that was stopped fails at once with its cause.
 * False: an interrupt came first. */
bool rows_time(struct rows *, size_t row, struct sample *);

/* The mean time of a sample, and that of all verifying passes still to be made, in seconds. Below
 * 0: not known yet. */
double rows_sample_seconds(const struct rows *);
double rows_checks_left_seconds(const struct rows *);

#endif
