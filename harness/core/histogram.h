/* The sizes of requests that a user gives: a histogram from a file, or one of a distribution. */
#ifndef SPANBENCH_HISTOGRAM_H
#define SPANBENCH_HISTOGRAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_LOG_LARGEST = 30, /* no size is over 1 GiB: the pages of blocks are written */
    HISTOGRAM_LOG_EXACT   = 10, /* up to 1 KiB each size has a place of its own */
    HISTOGRAM_LOG_PARTS   = 6,  /* above that, each octave has 64 places */
    HISTOGRAM_PLACES      = (1 << HISTOGRAM_LOG_EXACT) +
                       ((HISTOGRAM_LOG_LARGEST - HISTOGRAM_LOG_EXACT) << HISTOGRAM_LOG_PARTS)
};

struct histogram {
    const char *given; /* what the user wrote: the name of the file, or the distribution */
    uint64_t total;    /* of the counts, more than 0 */
    struct histogram_place {
        uint32_t least, most; /* bytes: of what it holds, so of equal ones if it holds one size */
        uint64_t count;
    } place[HISTOGRAM_PLACES];
};

/* Reads what the option --sizes takes. It is "lognormal:MEDIAN,SIGMA[,MIN,MAX]", or the name of a
 * file with a size in each line and, behind it, its count (none: 1). `given` must outlive the
 * histogram. False: standard error says what is wrong and what would be right. */
bool histogram_read(const char *given, struct histogram *);

double histogram_mean(const struct histogram *); /* bytes */

/* As a cell takes it, "LEAST-MOST:COUNT,…", new, for the caller to free. The counts add up to about
 * 2^32 at most. NULL: out of memory. */
char *histogram_text(const struct histogram *);

/* A new object, for the record of a run. */
json_t *histogram_json(const struct histogram *);

#endif
