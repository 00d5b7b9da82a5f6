/* The command `run`: check, time, record. */
#ifndef SPANBENCH_RUN_H
#define SPANBENCH_RUN_H

#include "options.h"

/* Returns the exit code of the program: 0 all samples are good, 1 a sample failed, 2 wrong use or
 * environment, or an interrupt (exit_code.h). */
int run_command(const struct options *);

#endif
