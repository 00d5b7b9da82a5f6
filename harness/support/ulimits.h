/* Limits of resources that the shell set (ulimit), and that the cells inherit. */
#ifndef SPANBENCH_ULIMITS_H
#define SPANBENCH_ULIMITS_H

#include <stddef.h>

/* Writes those that a check may meet, "address space 100000 KiB (ulimit -v), …"; "" if there are
 * none. */
void ulimits_describe(char *text, size_t size);

#endif
