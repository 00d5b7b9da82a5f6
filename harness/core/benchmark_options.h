/* The options of the command line that are for Google Benchmark. */
#ifndef SPANBENCH_BENCHMARK_OPTIONS_H
#define SPANBENCH_BENCHMARK_OPTIONS_H

#include "options.h"

/* Moves those that begin with --benchmark_ out of argv. False: one is not to be had, and standard
 * error says what is. */
bool benchmark_options_take(int *argc, char **argv, struct options *);

#endif
