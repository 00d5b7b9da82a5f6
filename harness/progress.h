/* How far a run is, on standard error: one line that renews itself on a terminal, a plain line now
 * and then in a log. Results themselves go to standard output. */
#ifndef SPANBENCH_PROGRESS_H
#define SPANBENCH_PROGRESS_H

#include <stdbool.h>

/* `done` of `total` steps; `seconds_left` below 0: not known yet. `what` runs now. */
void progress_show(unsigned done, unsigned total, double seconds_left, const char *what);

/* Takes the line off the terminal, so that something else can be printed. */
void progress_clear(void);

/* "45 s", "3 min 20 s" */
const char *progress_duration(double seconds);

#endif
