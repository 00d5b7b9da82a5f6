/* The samples of a run and their file, bench.json: nothing that was measured gets lost.
 *
 * The file's space is reserved before the first sample. While the run goes on, the file is at most
 * a second behind (checkpoint.h). If the file cannot be written at the end, the samples go to
 * $TMPDIR, and if that fails, to standard output. */
#ifndef SPANBENCH_SAVE_H
#define SPANBENCH_SAVE_H

#include "bench_json.h"
#include "checkpoint.h"
#include "results.h"

struct save {
    struct results results;
    struct results_file file; /* the final bench.json */
    json_t *context;
    struct entry *entry; /* as many as Google Benchmark has, in its order */
    size_t entries, limit;
    struct checkpoint checkpoint;
};

/* Creates the directory of the run and reserves the space for so many entries. `context` becomes
 * its. False: standard error says why. */
bool save_open(struct save *, const char *parent, size_t entries, json_t *context);

/* Adds one entry, of no more than were announced. Google Benchmark must have its counterpart before
 * the next call of a function here, or the next child. */
void save_add(struct save *, const struct entry *);

/* Renews the file if entries would wait too long for the next call, which comes in so many seconds;
 * below 0: that is not known. */
void save_renew(struct save *, double next_seconds);

/* Notes in the context why a pass of the timeline failed. */
void save_add_failed_pass(struct save *, const char *row, const char *cause);

/* Notes in the context when a pass of the timeline reached its instants: `reached`, new. */
void save_add_pass(struct save *, json_t *reached);

/* Adds to the context what a process said after a long rest, or why it failed. */
void save_add_long_rest(struct save *, const char *row, const struct entry *, const char *cause);

/* Writes the file and, of a complete run, points <parent>/latest at it; without any entry, removes
 * the directory instead. False: one of these failed; standard error says why, and where the samples
 * are. */
bool save_close(struct save *, bool complete);

#endif
