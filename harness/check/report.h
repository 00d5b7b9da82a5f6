/* What a run of check says to programs: TAP 13, conformance.json. */
#ifndef SPANBENCH_CHECK_REPORT_H
#define SPANBENCH_CHECK_REPORT_H

#include "table.h"

/* One test of TAP 13, number `nth`, with what failed as YAML. A failure that is known or does not
 * count is a TODO; `why` gets a failure that counts in words, for prove shows no more of `to` than
 * the number. */
void check_report_tap(const struct check_table *, size_t cell, size_t check, size_t nth, FILE *to,
                      FILE *why);

/* The document of conformance.json, a new object. results/conformance.schema.json tells what is in
 * it. NULL: out of memory. */
json_t *check_report_json(const struct check_table *);

#endif
