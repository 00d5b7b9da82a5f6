/* fork(2) in a process whose other threads allocate, or in a signal handler that interrupted malloc
 * or free.
 *
 * THE PROTOCOL. This is the one place where it is written down.
 *
 * The parent does nothing. A forking thread that took the locks here, before the fork, would hold
 * them while the C library takes its own. Those are the list of files, the locks of the loader and
 * the resolver, and what other libraries' handlers lock. Somebody who holds one of those may be
 * waiting for memory. So fork waits for nobody, and nobody waits for a fork.
 *
 * The child has one thread. To it, each other thread of the parent is one that the system stopped
 * between two of its instructions and never ran again. Linux makes a page of the parent read-only
 * when it copies the entry, and a thread that writes to such a page waits until all are copied. So
 * the child has all stores of a thread up to some instruction and none after it, and if it has a
 * store, then also what that depended on. (Only pages that a device is writing to are copied at
 * once; they are the program's, and the audit of 3 is for them.) Hence:
 *
 * 1. What is done without a lock (mspan.h) is made for threads that stop anywhere. What they had in
 *    hand is lost: `live` may be too large, never too small.
 * 2. A lock that is open guards nothing half done. One that the forking thread holds stays held: a
 *    signal handler forked, and when it returns, in the child too, the thread goes on from where it
 *    was. One that another thread held is opened, and what it guards is mended, from those parts
 *    that one store each changes:
 *      mcentral   the links forward               (mend)
 *      fixalloc   the chains                      (fixalloc_after_fork)
 *      pagealloc  the bitmaps                     (pagealloc_mend)
 *      registry   the links forward               (mcache_after_fork)
 *      growth     single numbers; the shared cache: as the caches below
 * 3. The caches of threads that are not there become orphans: they are only marked, for the forking
 *    thread may be in the middle of anything. Later, each time that a thread comes by mcache_enter,
 *    it audits one orphan and flushes it. A list that was about to have another
 *    array is forgotten, with both arrays. The owners kept these promises:
 *      - An object is on a list, or in a span as free, or in hand: it is put on a list last, and
 *        taken off first. So is a page, with the thread's block of pages, a free span, with
 *        its others, and a spare descriptor.
 *      - A span that a cache names is owned by it.
 *      - No PARTIAL span is on no list: it is listed before it becomes PARTIAL.
 *      - A large block is shortened before its pages are free.
 *    lock_in_order() keeps the compiler from exchanging two stores where that matters.
 * 4. Pages on their way to the operating system are noted (mheap.h), and come back with the last
 *    orphan.
 *
 * So a child loses what each thread had in hand. That is at most a list, a span, a block of 64
 * pages, or the one large block that it was making, moving or freeing.
 *
 * Adding a lock means to add it to one of the functions below. */
#include "hardened.h"
#include "helper.h"
#include "mcache.h"
#include "mcentral.h"
#include "mheap.h"
#include "scavenge.h"

#include <pthread.h>

/* May run in a signal handler: it stores, and takes no lock. */
static void in_child(void) {
    mheap_after_fork();
    mcentral_after_fork();
    mcache_after_fork();
    scavenge_after_fork();
    helper_after_fork();
    if (HARDENED)
        hardened_after_fork();
}

/* Handlers that were installed first run first in the child, so that those of others may allocate.
 * First of all constructors of the process: the shared library is linked with -z initfirst. From
 * the archive it is the first of the program's own. Nothing calls this file by name, which is why
 * the archive is one object (Makefile). */
__attribute__((constructor(101))) static void install(void) {
    pthread_atfork(NULL, NULL, in_child);
}
