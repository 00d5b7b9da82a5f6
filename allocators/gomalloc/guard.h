/* Pages without access behind blocks of the hardened build. A read or write that goes on behind
 * such a block is a fault, at once.
 *
 * A guarded block is a large one that ends where its pages end, but for the words behind it. Large
 * blocks are guarded, but for aligned and huge ones, and so is one of GUARD_LEAST bytes or more
 * whose list is empty. Each guard costs two mappings and two system calls, 6 us together. A short
 * block's costs two more calls, and page faults, for its memory goes back. So there is a pace:
 * GUARDS_AT_ONCE in a row, then one each GUARD_NS. And there is a limit: GUARDS_MOST at a time.
 * Where the kernel's pages are as long as the heap's there are none. Thread-safe, without a lock.
 */
#ifndef GOMALLOC_GUARD_H
#define GOMALLOC_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GUARD_LEAST    = 1024,    /* bytes: a block takes whole pages of the kernel's */
    GUARD_NS       = 1000000, /* between two, */
    GUARDS_AT_ONCE = 64,      /* but so many are saved up, */
    GUARDS_KEPT    = 32,      /* some of them for large blocks alone */
    GUARDS_MOST    = 1024,    /* a process has 65530 mappings */
};

/* Of a block that would be large anyway, or else. */
enum guard_use { GUARD_LARGE, GUARD_SMALL };

/* May there be another, and is it time? If so, the caller makes it now. */
bool guard_is_due(enum guard_use);

/* Nobody may touch these bytes, whole pages of the kernel's, from now on. False: there are too many
 * mappings, all is as before. */
bool guard_set(uintptr_t from, size_t bytes);

/* Everybody may, and in all of the `bytes` from `from` on, of which it is the last part. False: too
 * many mappings, it is as before. */
bool guard_lift(uintptr_t from, size_t bytes);

/* The span is given up, for its guard cannot be lifted: it is no longer one of those that count. */
void guard_give_up(void);

/* The time from which on the next one counts. Tests set it to 0: as after a long pause. */
extern _Atomic uint64_t guard_next;

/* For tests that count blocks by their class, for a block with a guard counts as a large one: from
 * now on, none is due. */
static inline void guard_never(void) {
#ifdef GOMALLOC_HARDENED
    atomic_store_explicit(&guard_next, UINT64_MAX / 2, memory_order_relaxed);
#endif
}

#endif
