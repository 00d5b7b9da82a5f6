/* The samples of a run and their file, bench.json: nothing that was measured gets lost.
 *
 * The file's space is reserved before the first sample. While the run goes on, the file is renewed
 * every few seconds, so that a killed driver loses little. If the file cannot be written at the
 * end, the samples go to $TMPDIR, and if that fails, to standard output. */
#ifndef SPANBENCH_SAVE_H
#define SPANBENCH_SAVE_H

#include "bench_json.h"
#include "results.h"

#include <time.h>

struct save {
    struct results results;
    struct results_file file; /* the final bench.json */
    json_t *context;
    struct entry *entry; /* as many as Google Benchmark has, in its order */
    size_t entries, limit;
    time_t checkpoint; /* when the file was last renewed */
    bool disk_trouble;
};

/* Creates the directory of the run and reserves the space for so many entries. `context` becomes
 * its. False: standard error says why. */
bool save_open(struct save *, const char *parent, size_t entries, json_t *context);

/* Adds one entry, of no more than were announced, and renews the file if its time has come. Google
 * Benchmark must have its counterparts of all entries before this one. */
void save_add(struct save *, const struct entry *);

/* Notes in the context why a pass of the timeline failed. */
void save_add_failed_pass(struct save *, const char *row, const char *cause);

/* Writes the file and, of a complete run, points <parent>/latest at it; without any entry, removes
 * the directory instead. False: one of these failed; standard error says why, and where the samples
 * are. */
bool save_close(struct save *, bool complete);

#endif
