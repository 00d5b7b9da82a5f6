/* The command `harden`: what each allocator makes of each misuse. */
#ifndef SPANBENCH_HARDEN_COMMAND_H
#define SPANBENCH_HARDEN_COMMAND_H

#include "options.h"

/* Returns the exit code of the program (exit_code.h):
 * 0 the table is there, whatever it shows.
 * 1 a cell is broken, or some runs are void because their control failed.
 * 2 wrong use or environment (no allocator is left, a named one is missing, the file cannot be
 * saved), or an interrupt. */
int harden_command(const struct options *);

#endif
