/* What is still resident long after everything was freed: a kernel that makes huge pages
 * (khugepaged) fills holes within a minute, and an allocator may give memory back by itself.
 *
 * This takes further processes, one for each allocator on each workload whose memory counts. They
 * sleep side by side, so that all of them take little longer than one. */
#ifndef SPANBENCH_LONG_REST_H
#define SPANBENCH_LONG_REST_H

#include "rows.h"
#include "save.h"

/* How many processes there will be; 0: the options do not ask for them. */
size_t long_rest_processes(const struct rows *);

/* About how long all of it takes, in seconds. */
double long_rest_seconds(const struct rows *);

/* Runs them, and adds what each says to the context of the saved file, or why it failed, which
 * standard error says, too. Returns the number of failed ones. Stops at an interrupt, and leaves no
 * process. */
size_t long_rest_run(struct rows *, struct save *);

#endif
