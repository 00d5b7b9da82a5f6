/* Which object file a function is of, for checks of functions that are not slots of the vtable. */
#ifndef SPANBENCH_OWNER_OF_H
#define SPANBENCH_OWNER_OF_H

#include "check.h"

/* Its path; "": it cannot be told, or the function is NULL. */
const char *owner_of(const void *function);

/* That of the allocator under test, also where --verbose traces its calls. */
const char *owner_of_allocator(const struct check_run *);

#endif
