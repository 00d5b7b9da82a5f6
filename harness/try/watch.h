/* Watches the memory of all that this process started, in a thread of its own.
 *
 * The peak is that of the sum over all processes, each page counted once (PSS). A walk over all
 * pages tells it exactly but is slow, and holds up the program's mmap. So walks are rare: they get
 * 1 % of the time, and 0.2 % if there is one process, or 0.3 % for its first long one. Between
 * them, the kernel's counters are read: how much has each process more than at its last walk? Its
 * own high-water mark tells of a peak between two readings. Readings get 0.2 % of one CPU's time.
 * The first comes after 10 ms; of several processes each next one, after as long again as the
 * program has run. They come every millisecond at most, and ten times a second at least. What walks
 * take is learnt from the watches before.
 */
#ifndef SPANBENCH_TRY_WATCH_H
#define SPANBENCH_TRY_WATCH_H

#include "descendants.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WATCH_POINTS = 256 };

/* Sums over all processes, in bytes. */
struct watch_point {
    double seconds; /* since the start */
    int64_t rss, pss, huge, swap, vsz;
    unsigned processes;
};

struct watch_result {
    struct watch_point peak; /* the largest of each, and `seconds` that of the largest pss */
    struct watch_point point[WATCH_POINTS];
    size_t points;
    size_t processes;   /* how many were seen in all */
    int64_t largest;    /* high-water mark of any process that was seen */
    int64_t shared;     /* of the first process: RSS that is not its own; below 0: not known */
    int64_t others;     /* PSS at the last reading of all but the process of the largest mark */
    double cpu_seconds; /* that the watching took */
    size_t readings, walks;
};

struct watch;

/* A watch that waits to begin: to make its thread takes some tenths of a millisecond, which shall
 * not be the program's. NULL: there is no thread to be had. */
struct watch *watch_new(void);

/* Begins, once. `shared` is what is known of the first process's shared memory; below 0: nothing.
 */
void watch_begin(struct watch *, pid_t first, int64_t shared);

/* More processes at once than these? Then nothing is watched any more. */
bool watch_has_too_many(const struct watch *);

/* The memory of all now, each page counted once, in bytes: a walk over all pages. The peak is as
 * much at least. */
int64_t watch_pss_now(struct watch *);

/* Another process, with what it starts, is not watched from now on; the one before is. */
void watch_leave_out(struct watch *, pid_t);

/* Ends it, at once, whether or not it has begun, and frees it. */
void watch_stop(struct watch *, struct watch_result *);

enum { WATCH_MOST_PROCESSES = DESCENDANTS_MOST };

#endif
