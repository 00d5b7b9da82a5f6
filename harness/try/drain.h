/* What a program prints: taken from a pipe as it comes, so that it never waits, and never kept as a
 * whole. */
#ifndef SPANBENCH_TRY_DRAIN_H
#define SPANBENCH_TRY_DRAIN_H

#include <regex.h>
#include <stddef.h>
#include <stdint.h>

enum { DRAIN_PIPE_BYTES = 1 << 20, DRAIN_TAIL_BYTES = 4 << 10, DRAIN_LINE_BYTES = 4 << 10 };

struct drain {
    int fd; /* the end of the pipe to read from, nonblocking; -1: at its end */
    uint64_t bytes;
    char tail[DRAIN_TAIL_BYTES]; /* the last of it */
    size_t tail_length;
    double
        value; /* of the last line with digits that matched; NaN: none did, or they make no sense */

    uint64_t mixed, word; /* the hash of all whole words, and the last, which is not */
    const regex_t *number;
    char line[DRAIN_LINE_BYTES]; /* the beginning of the line that has not ended */
    size_t line_length;
};

/* Begins to read from `fd`, which becomes its own. In each line that `number` matches, its first
 * group is a number; or all that matches, if it has no group. NULL: none is looked for. */
void drain_begin(struct drain *, int fd, const regex_t *number);

/* Takes what is there now. Returns how many bytes; 0: none, and if `fd` is -1, it has ended. */
size_t drain_take(struct drain *);

/* Takes the rest, at most what a pipe holds: who escaped may write for ever. Closes it. */
void drain_end(struct drain *);

/* Of all that was taken. */
uint64_t drain_hash(const struct drain *);

#endif
