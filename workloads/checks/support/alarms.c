#include "alarms.h"

#include <signal.h>
#include <unistd.h>

enum { PERIOD_NS = 300000 };

/* Not setitimer: its signal is for the process, and may go to any thread of it. */
bool alarms_begin(timer_t *timer, void (*handler)(int), int flags) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
    event._sigev_un._tid  = gettid(); /* glibc has no other name for it; timer_create(2) */
    return sigaction(SIGALRM, &(struct sigaction){.sa_handler = handler, .sa_flags = flags},
                     NULL) == 0 &&
           timer_create(CLOCK_MONOTONIC, &event, timer) == 0 &&
           timer_settime(*timer, 0, &(struct itimerspec){{0, PERIOD_NS}, {0, PERIOD_NS}}, NULL) ==
               0;
}

void alarms_end(timer_t timer) {
    timer_delete(timer);
}
