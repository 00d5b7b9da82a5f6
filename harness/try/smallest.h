/* --smallest-limit: the least memory under which the program still ends well with each row. */
#ifndef SPANBENCH_TRY_SMALLEST_H
#define SPANBENCH_TRY_SMALLEST_H

#include "comparison.h"

/* Looks for it by bisection, to 2 % or 1 MiB, in at most SMALLEST_RUNS runs of each row that has no
 * cause, and keeps it in the trial. Does nothing if nobody asked for it. */
void smallest_find(struct comparison *);

enum { SMALLEST_RUNS = 48 };

#endif
