/* The sizes of a workload's requests as the driver hands them to a cell: a histogram, in one word
 * of its command line. */
#ifndef SPANBENCH_GIVEN_SIZES_H
#define SPANBENCH_GIVEN_SIZES_H

#include "sizes.h"

#include <stdbool.h>

/* Reads "SIZE:WEIGHT,LEAST-MOST:WEIGHT,…". Sizes are in bytes, of 1 to SIZES_LARGEST; a range is of
 * all sizes between two, equally likely. Weights are at most 2^32, and not all are 0. False:
 * `problem` says what is wrong, and with which part of the text. */
bool given_sizes_parse(const char *text, struct sizes *, char *problem, size_t size);

#endif
