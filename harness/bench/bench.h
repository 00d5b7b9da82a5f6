/* The command `run`: check, time, record. */
#ifndef SPANBENCH_BENCH_COMMAND_H
#define SPANBENCH_BENCH_COMMAND_H

#include "options.h"

/* Returns the exit code of the program: 0 all samples are good, 1 a sample failed, 2 wrong use or
 * environment, or an interrupt (exit_code.h). */
int bench_command(const struct options *);

#endif
