/* Lets system calls of this process fail, in whatever library they are made. seccomp hands each to
 * a supervisor, a process forked for that. The supervisor fails it or lets it be made
 * (seccomp_unotify(2)).
 * Needs no privilege, no symbol of the library, no signal and no stack of the thread that calls. So
 * it works in libraries that block all signals around a call, too. Linux 5.5 or later. Cannot be
 * undone: for forked children. The supervisor ends with the thread that called
 * failing_calls_install. */
#ifndef SPANBENCH_FAILING_CALLS_H
#define SPANBENCH_FAILING_CALLS_H

#include <stdbool.h>

/* Or'ed: the calls that get memory from the system (mmap, mremap, brk), and those that give it back
 * or change it (munmap, madvise, mprotect). */
enum { FAILING_GET = 1, FAILING_GIVE = 2 };

/* Catches these calls from now on, of all threads to come. False: it is not to be had here. */
bool failing_calls_install(unsigned set);

/* Of the calls from now on, numbered from 0, `count` fail with ENOMEM from number `first` on. */
void failing_calls_choose(unsigned first, unsigned count);

/* How many were caught since then. */
unsigned failing_calls_count(void);

#endif
