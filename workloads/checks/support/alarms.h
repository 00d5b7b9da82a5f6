/* Signals at short intervals for one thread. */
#ifndef SPANBENCH_ALARMS_H
#define SPANBENCH_ALARMS_H

#include <stdbool.h>
#include <time.h>

/* From now on `handler` runs in the calling thread every 300 microseconds of real time, as SIGALRM
 * with these flags of sigaction; other threads, the allocator's among them, get none. False: there
 * is no such timer. */
bool alarms_begin(timer_t *, void (*handler)(int), int flags);

/* No more. One that is pending may still come. */
void alarms_end(timer_t);

#endif
