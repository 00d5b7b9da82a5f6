/* What the documents of all commands say beside their results: by which version, when, where and of
 * which allocators. */
#ifndef SPANBENCH_CONTEXT_H
#define SPANBENCH_CONTEXT_H

#include "registry.h"

#include <jansson.h>
#include <time.h>

/* The version of the suite. */
const char *context_version(void);

/* One allocator: its name, version and object, or why there is nothing. A new object. */
json_t *context_cell(const struct cell *);

/* Adds the version of the suite, the start, and facts of the machine. */
void context_add_run(json_t *document, time_t started);

#endif
