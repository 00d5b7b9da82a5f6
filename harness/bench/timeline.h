/* RSS and VSZ over time, seen from outside. This takes further runs, called passes, so that it does
 * not disturb the timing. */
#ifndef SPANBENCH_TIMELINE_H
#define SPANBENCH_TIMELINE_H

#include "rows.h"
#include "save.h"

/* How many passes timeline_run will make: one for each row of one thread count, the largest that
 * the CPUs can run at once (else the smallest of all). */
size_t timeline_passes(const struct rows *);

/* About how long a pass takes, in seconds. */
double timeline_pass_seconds(const struct rows *);

/* The size of the file to reserve, in bytes. */
size_t timeline_bytes(const struct rows *);

/* Runs each good row of that thread count once more and writes to the file what it sees of the
 * process every two milliseconds. The cell rests at each instant at which it reads its memory. A
 * pass that fails leaves no lines; standard error and the saved file have the cause. Returns the
 * number of failed passes. Stops at an interrupt. */
size_t timeline_run(struct rows *, struct results_file *, struct save *);

#endif
