/* What this program needs of the system around it. Each function says on standard error what is
 * missing, why it matters and what to do, and then returns false. */
#ifndef SPANBENCH_NEEDS_H
#define SPANBENCH_NEEDS_H

#include <stdbool.h>

/* A stack that holds the frames of this program. Itself it needs almost none. */
bool needs_stack(void);

/* /proc: processes, their memory, this program's own file. */
bool needs_proc(void);

/* /sys: what CPUs there are, and how much of them this process may use. */
bool needs_sys(void);

#endif
