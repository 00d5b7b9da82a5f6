/* The command `check`: every promise of malloc on every allocator. */
#ifndef SPANBENCH_CHECK_COMMAND_H
#define SPANBENCH_CHECK_COMMAND_H

#include "options.h"

/* Returns the exit code of the program: 0 nothing found that is not known, 1 a finding, 2 wrong use
 * or environment, an allocator that was named is not there, or an interrupt (exit_code.h). */
int check_command(const struct options *);

#endif
