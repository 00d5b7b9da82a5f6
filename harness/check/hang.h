/* An allocator with a function that does not return: each check that calls it would take all its
 * time, hours in all. Once a check has, this finds the function. Then every other check of this
 * allocator gets a short time. What has no verdict by then is not judged, and says why: the hang is
 * a failure once. */
#ifndef SPANBENCH_CHECK_HANG_H
#define SPANBENCH_CHECK_HANG_H

#include "list.h"

/* Of one cell; all zero at the begin. */
struct check_hang {
    bool asked;
    char functions[120]; /* that do not return; "": none is known */
    char check[64];      /* the first that hung */
};

/* After the first check that was not over in its whole time: asks the cell, for each function,
 * whether it returns (its --returns). A check may hang for another reason, and all keep their time
 * then. Takes the short time for each that does not. */
void check_hang_learn(struct check_hang *, const struct options *, const struct cell *,
                      const struct check_info *);

/* How many seconds the next check has. */
double check_hang_timeout(const struct check_hang *, const struct options *);

/* Why one that has no verdict after that short time is not judged. */
void check_hang_describe(const struct check_hang *, const struct options *, char *text,
                         size_t size);

#endif
