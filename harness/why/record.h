/* What was seen, as why.json (results/why.schema.json). */
#ifndef SPANBENCH_WHY_RECORD_H
#define SPANBENCH_WHY_RECORD_H

#include "observe.h"

#include <jansson.h>

/* A new object; NULL: out of memory. `allocator`: the name that the user gave; NULL: none. */
json_t *record_make(const struct observation *, const struct books *, const char *allocator);

#endif
