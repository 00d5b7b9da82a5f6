/* Shows on standard error how far a run is: one line that renews itself on a terminal, a plain line
 * now and then in a log. Results go to standard output. */
#ifndef SPANBENCH_PROGRESS_H
#define SPANBENCH_PROGRESS_H

#include <stddef.h>

/* Step `number` of `total` begins: `kind` says of what ("sample"), `what` which. `seconds_left` of
 * the whole run; below 0: not known yet. */
void progress_show(const char *kind, size_t number, size_t total, double seconds_left,
                   const char *what);

/* Takes the line off the terminal, so that something else can be printed. */
void progress_clear(void);

/* "45 s", "3 min 20 s" */
const char *progress_duration(double seconds);

#endif
