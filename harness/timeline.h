/* RSS and VSZ over time, seen from outside: passes of their own, so that timing stays quiet. */
#ifndef SPANBENCH_TIMELINE_H
#define SPANBENCH_TIMELINE_H

#include "attempt.h"

#include <stdbool.h>
#include <stdio.h>

/* The first line of the file. */
void timeline_header(FILE *csv);

/* Runs the requested sample once more, with a rest at each instant at which the cell reads its
 * memory, and appends what is seen of its process every two milliseconds. A failed pass leaves no
 * lines; the attempt has the cause. */
void timeline_pass(FILE *csv, const struct attempt_request *, unsigned rest_ms, struct attempt *);

#endif
