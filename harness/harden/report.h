/* What a run of harden says to programs: hardening.json. */
#ifndef SPANBENCH_HARDEN_REPORT_H
#define SPANBENCH_HARDEN_REPORT_H

#include "table.h"

/* The document of hardening.json, a new object. results/hardening.schema.json tells what is in it.
 * NULL: out of memory. */
json_t *harden_report_json(const struct harden_table *);

#endif
