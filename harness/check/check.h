/* The command `check`: every promise of malloc on every allocator. */
#ifndef SPANBENCH_CHECK_COMMAND_H
#define SPANBENCH_CHECK_COMMAND_H

#include "options.h"

/* Returns the exit code of the program (exit_code.h). 0: nothing was found but known failures; 1: a
 * finding; 2: wrong use or environment, a named allocator is missing, or an interrupt. */
int check_command(const struct options *);

#endif
