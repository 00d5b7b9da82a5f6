/* What else a person must know of a process: notes, and options in its environment. */
#ifndef SPANBENCH_REMARKS_H
#define SPANBENCH_REMARKS_H

#include "look.h"

/* Adds a note, a text for printf, if there is room. */
__attribute__((format(printf, 3, 4))) void remarks_add(struct serving *, enum serving_kind,
                                                       const char *format, ...);

/* Compares where the objects' own calls go with what the search order says. */
void remarks_on_calls(const struct look *, struct serving *);

/* Other objects that define malloc, and copies of allocators inside of the program. */
void remarks_on_others(const struct look *, struct serving *);

/* Runtimes that have an allocator of their own, and options in the environment. */
void remarks_on_surroundings(const struct look *, struct serving *);

#endif
