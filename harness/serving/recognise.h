/* Which of the known allocators an object or a program is, or has inside. */
#ifndef SPANBENCH_RECOGNISE_H
#define SPANBENCH_RECOGNISE_H

#include "look.h"

/* Does the object define one of these names? A NULL ends the list. */
bool recognise_any(const struct elf_image *, const char *const *names);

/* The allocator that an object is; NULL: it is not known. */
const struct known_allocator *recognise_object(const struct look *, const struct object *);

/* What the table of all symbols of the program shows of each known allocator: in `by` a name that
 * it defines, else NULL. `inner`: names of a copy beside another malloc, else those of a static
 * program. False: it has no such table. */
bool recognise_symbols(const struct look *, bool inner, const char *by[KNOWN_MOST]);

#endif
