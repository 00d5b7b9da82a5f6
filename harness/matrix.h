/* What a conformance run says: the matrix for a terminal, TAP, JUnit XML, JSON. */
#ifndef SPANBENCH_MATRIX_H
#define SPANBENCH_MATRIX_H

#include "verdict.h"

struct matrix {
    const struct options *options;
    const struct checklist *list;
    const struct registry *registry;
    const bool *chosen;      /* which cells take part; the floor does not */
    struct verdict *verdict; /* [cell * checks + check] */
    size_t findings;
};

struct verdict *matrix_at(const struct matrix *, size_t cell, size_t check);

/* Checks x allocators, then every finding in words. */
void matrix_print(const struct matrix *, FILE *);

/* One line of TAP 13, number `nth`. */
void matrix_print_tap(const struct matrix *, size_t cell, size_t check, size_t nth, FILE *);

/* A finding or any other failure in some lines: expected, seen, how to repeat it. */
void matrix_print_failure(const struct matrix *, size_t cell, size_t check, const char *indent,
                          FILE *);

void matrix_write_junit(const struct matrix *, FILE *);

/* The document of conformance.json, a new object. */
json_t *matrix_json(const struct matrix *);

#endif
