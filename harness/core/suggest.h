/* The name that somebody may have meant. */
#ifndef SPANBENCH_SUGGEST_H
#define SPANBENCH_SUGGEST_H

#include <stddef.h>

/* The name that is nearest to `word` by letters put in, left out or exchanged; NULL: none is near.
 * It looks at `count` items that lie `stride` bytes apart and begin with their names. */
const char *suggest(const char *word, const void *items, size_t count, size_t stride);

#endif
