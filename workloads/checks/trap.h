/* Lets system calls of this process fail, in whatever library they are made: a seccomp filter turns
 * them into SIGSYS, whose handler fails or makes the call. Needs no privilege and no symbol of the
 * library. Cannot be undone: for forked children. x86-64 and aarch64. */
#ifndef SPANBENCH_TRAP_H
#define SPANBENCH_TRAP_H

#include <stdbool.h>

/* The calls that get memory from the system (mmap, mremap, brk), and those that give it back or
 * change it (munmap, madvise, mprotect). */
enum trap_set { TRAP_GET, TRAP_GIVE };

/* Catches these calls from now on, of all threads to come. False: seccomp is not to be had. */
bool trap_install(enum trap_set);

/* Of the calls from now on, numbered from 0, `count` fail with ENOMEM from number `first` on. */
void trap_fail(unsigned first, unsigned count);

/* How many were caught since then. */
unsigned trap_calls(void);

#endif
