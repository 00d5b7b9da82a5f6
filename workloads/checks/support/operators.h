/* The forms of C++'s operator new, in one shape, for the checks of operators.c and
 * operators_failure.c. */
#ifndef SPANBENCH_OPERATORS_H
#define SPANBENCH_OPERATORS_H

#include "check.h"

enum { ONE, ARRAY, KINDS };
enum { THROWING, QUIET };

struct operator{
    const char *name;
    const void *is; /* NULL: nothing in this process defines it */
};

/* operator new or new[]; aligned or not; one that throws, or with nothrow. */
const struct operator* operator_new(int kind, bool aligned, int quiet);

/* Calls one that serves; `alignment` 0: one without. */
void *operator_make(int kind, int quiet, size_t alignment, size_t size);

/* Is it the allocator's own, or the C++ runtime's over its malloc? If not, the second says that
 * the check is not supported, and why. */
bool operator_serves(const struct check_run *, const struct operator*);
bool operator_offered(struct check_run *, const struct operator*);

#endif
