/* The command `harden`: what each allocator makes of each misuse. */
#ifndef SPANBENCH_HARDEN_COMMAND_H
#define SPANBENCH_HARDEN_COMMAND_H

#include "options.h"

/* Returns the exit code of the program: 0 the matrix is there, whatever it shows; 1 a cell is
 * broken, or some runs say nothing because their control failed; 2 wrong use or environment (no
 * allocator is left, one that was named is not there, the file cannot be saved), or an interrupt
 * (exit_code.h). */
int harden_command(const struct options *);

#endif
