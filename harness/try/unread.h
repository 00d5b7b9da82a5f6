/* Options of a row that nothing in its program can read: most are misspelt, or another allocator's.
 *
 * Who reads a variable names it: its name stands in the program or in a library of it. Of a value
 * such as `dirty_decay_ms:0,narenas:2`, each key must stand there, too. */
#ifndef SPANBENCH_TRY_UNREAD_H
#define SPANBENCH_TRY_UNREAD_H

#include "look.h"

/* Does one of the objects of the run name this variable, NAME=value, and the keys of its value? If
 * not, `text` says so. Where the objects are not known, or one cannot be read, nothing is said. */
bool unread_variable(const struct look *, const char *variable, char *text, size_t size);

/* Did jemalloc complain of its options? It does so on standard error, which nobody reads. */
bool unread_complaint(const struct measured *, char *text, size_t size);

#endif
