/* Which object file a function is of, for checks of functions that are not slots of the vtable. */
#ifndef SPANBENCH_OWNER_OF_H
#define SPANBENCH_OWNER_OF_H

#include "check.h"

/* Its path; "": it cannot be told, or the function is NULL. */
const char *owner_of(const void *function);

/* The file's name of such a path, without the folders. */
const char *owner_name(const char *path);

/* That of the allocator under test, also where --verbose traces its calls. */
const char *owner_of_allocator(const struct check_run *);

/* Is the object at this path the allocator under test, or the library that its users preload? */
bool owner_is_allocator(const struct check_run *, const char *path);

/* Is the process's own malloc the allocator's? Or that of the library which its users preload? If
 * not, the check is not supported. */
bool owner_serves_process(struct check_run *);

#endif
