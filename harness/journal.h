/* The samples of a run and their file, bench.json: nothing that was measured gets lost.
 *
 * The file's space is reserved before the first sample. While the run goes on, the file is renewed
 * every few seconds, so that a killed driver loses little. What the results directory does not take
 * at the end goes to $TMPDIR, and what that does not take to standard output. */
#ifndef SPANBENCH_JOURNAL_H
#define SPANBENCH_JOURNAL_H

#include "document.h"
#include "results.h"

#include <time.h>

struct journal {
    struct results results;
    struct results_file file; /* the final bench.json */
    json_t *context;
    struct entry *entry; /* as many as Google Benchmark has, in its order */
    size_t entries, limit;
    time_t checkpoint; /* when the file was last renewed */
    bool disk_trouble;
};

/* Creates the directory of the run and reserves the space for so many entries. `context` becomes
 * the journal's. False: standard error says why. */
bool journal_open(struct journal *, const char *parent, size_t entries, json_t *context);

/* Adds one entry, of no more than were announced, and renews the file if its time has come. Google
 * Benchmark must have its counterparts of all entries before this one. */
void journal_add(struct journal *, const struct entry *);

/* Notes in the context why a pass of the timeline failed. */
void journal_add_failed_pass(struct journal *, const char *row, const char *cause);

/* Writes the file and, of a complete run, points <parent>/latest at it; without any entry, removes
 * the directory instead. False: one of these failed; standard error says why, and where the samples
 * are. */
bool journal_close(struct journal *, bool complete);

#endif
