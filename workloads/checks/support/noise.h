/* Threads that do one thing again and again beside a fork, in turns. A turn ends when the children
 * run, or after many rounds. So who waits for one of the C library's locks, which are not fair, has
 * it before long: a forker that starves does not hang. And where a fork never comes back, all
 * threads sleep soon, which check_child sees. */
#ifndef SPANBENCH_NOISE_H
#define SPANBENCH_NOISE_H

#include "check.h"

enum { NOISE_THREADS = 8 };

/* What a thread does in one of its rounds. Ends the check, as not supported, where it cannot. */
typedef void noise_round(struct check_run *, uint64_t nth);

/* Begins a thread for each entry up to the first NULL, at most NOISE_THREADS. False: it cannot, and
 * the check is not supported. */
bool noise_begin(struct check_run *, noise_round *const rounds[]);

/* Begins a turn. When it returns, each thread is at work. The turn ends when noise_hush() was
 * called so many times. */
void noise_turn(unsigned children);

/* A pause of up to some ten microseconds, by the seed and `nth`, so that a fork comes at any moment
 * of the others' work. */
void noise_pause(const struct check_run *, uint64_t nth);

/* Called first by each child, or for one that cannot be forked; in any process. */
void noise_hush(void);

/* Ends the turn, and waits until all threads rest. */
void noise_rest(void);

/* Ends the threads. They rest. */
void noise_end(void);

#endif
