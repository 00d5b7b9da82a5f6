/* A thread that gives memory back while the program does nothing. A process that is idle comes by
 * no slow path, so nobody else would. It is there only while there is much to do: it begins when
 * more than may stay is free and resident. That is by as much as is in use, from 256 KiB to 32 MiB.
 * It ends when that has gone back. So a program whose heap has holes which serve it has no such
 * thread, and after a burst that is freed there is one. All functions are thread-safe.
 *
 * What that means for a process (README.md, Limits):
 *   threads   it has one more meanwhile, of 256 KiB of stack, which is named "gomalloc".
 *   signals   all are blocked in it, so that it never handles one.
 *   fork      the child has no such thread; it begins its own.
 *   vfork     its child begins none, nor does that of clone and _Fork: it may share the parent's
 *             memory, and be gone soon.
 *   setuid    the C library changes the credentials of this thread, too.
 *   exit      does not wait for it. Nor does it keep a process for long whose main thread ended by
 *             pthread_exit, and which no signal but SIGKILL would end: it ends when no thread has a
 *             cache, also if it is wanted for ever.
 *   locks     pthread_create takes some of the C library's. So no call of free begins a thread that
 *             comes from the C library itself, which might hold them. */
#ifndef GOMALLOC_HELPER_H
#define GOMALLOC_HELPER_H

#include <pthread.h>
#include <stdint.h>

enum { HELPER_LEAST = 32 /* 256 KiB */, HELPER_MOST = 4096 /* 32 MiB */ };

/* After pages may have come back to the heap: begins the thread if it is wanted. If there is none,
 * this one does a bit of its work. The caller holds no lock. `caller`: the return address of the
 * call from outside; HELPER_SAFE: the C library holds no lock now; NULL: nobody knows, so begin
 * none. */
#define HELPER_SAFE ((const void *)1)
void helper_tick(const void *caller);

/* The C library's code, and its loader's. Nobody enters it where malloc is not replaced: then no
 * call is from there. */
struct helper_code {
    uintptr_t from, to;
};
extern struct helper_code helper_never_from[2];

/* How the thread begins. Where malloc is replaced, that is the C library's own pthread_create. A
 * program's of that name may make a list of its threads. Or it may take a lock that the program
 * holds while it frees something. */
typedef int helper_creates(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
extern helper_creates *helper_create;

/* In a forked child. */
void helper_after_fork(void);

#endif
