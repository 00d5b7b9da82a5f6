/* The files of a comparison: nothing that was measured gets lost.
 *
 * Their space is reserved before anything runs. While the comparison goes on, the files are
 * renewed between runs: who kills the driver loses the run under way, and less than a second of the
 * others. If program.json cannot be written at the end, it goes to $TMPDIR, and if that fails, to
 * standard output. */
#ifndef SPANBENCH_TRY_KEEP_H
#define SPANBENCH_TRY_KEEP_H

#include "trial.h"

struct keep {
    struct results results;
    struct results_file document, curves;
    double renewed;      /* the instant */
    double cost;         /* of that, in seconds */
    size_t results_kept; /* in program.json, by then */
    long points;         /* the length of memory.csv */
    bool trouble;        /* it could not be renewed, which was said */
};

/* Makes the directory, and reserves space for so many runs. False: standard error says why. */
bool keep_open(struct keep *, const struct try_options *, size_t rows, size_t runs);

/* Renews the files, if there is something new, and as often as that takes a small part of the time;
 * `at_once`: in any case. False: they could not be renewed. */
bool keep_renew(struct keep *, const struct trial *, bool at_once);

/* Is there a run, or a cause why a row has none? */
bool keep_has_something(const struct trial *);

/* Writes all; without any run and any cause, removes the directory instead. A complete comparison
 * is what latest-try points at. False: standard error says why, and where the results are. */
bool keep_close(struct keep *, const struct trial *, bool complete);

#endif
