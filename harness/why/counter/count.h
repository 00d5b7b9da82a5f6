/* The books of this process: live bytes by class of size and thread, and a sample of live blocks.
 * Nothing here asks for memory of the heap that it counts. Each thread writes numbers of its own,
 * without a lock and without an operation that locks the bus. */
#ifndef SPANBENCH_WHY_COUNT_H
#define SPANBENCH_WHY_COUNT_H

#include "next.h"
#include "sample.h"
#include "shared.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes the file of this process, if the driver asked for one. count_after: once `next` serves. */
void count_begin(void);
void count_after(void);

/* NULL: nothing is counted. */
extern struct why_shared *count_book;

/* The slot of this thread, which only it writes. NULL: there is none yet, or it is not to be used;
 * the slow functions know more. */
extern __thread struct why_slot *count_mine __attribute__((tls_model("initial-exec")));

/* The slot of this thread, also where it is not to be used. NULL: there is none. */
extern __thread struct why_slot *count_slot __attribute__((tls_model("initial-exec")));

/* A thread is in a function of the allocator that is counted as a whole: what that asks of malloc
 * itself does not count. A thread with a slot has no `count_mine` then; others are in so many. */
extern __thread unsigned count_inside __attribute__((tls_model("initial-exec")));

static inline bool count_is_inside(void) {
    return count_inside || (count_slot && !count_mine);
}

/* Gives this thread its slot now, rather than at its first block. */
void count_thread(void);

/* A block was made; one is about to be freed, and is still the program's. */
void count_made_slow(const void *block, size_t requested, size_t usable);
void count_freed_slow(const void *block, size_t usable);

/* The usable size of a block for which so many bytes are asked, in units of 8 bytes; 0: it is not
 * known before. By requests in such units, rounded up. Each is found out at a first block, and
 * never changes but to 0; so threads may read an old one: relaxed. */
extern _Atomic uint16_t count_promised[WHY_SMALL + 1];

/* Nobody else writes to this number: relaxed, for the driver, which reads it at any time. */
static inline void count_up(_Atomic uint64_t *number) {
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* Of any block. */
void count_made(struct why_slot *mine, const void *block, size_t requested, size_t usable);
void count_freed(struct why_slot *mine, const void *block, size_t usable);

/* By malloc, calloc or operator new, for which the allocator's promise holds. */
void count_made_unknown(struct why_slot *mine, void *block, size_t requested);

/* In units of 8 bytes; 0: the allocator must be asked. */
static inline uint64_t count_promise(size_t requested) {
    return requested <= 8 * WHY_SMALL
               ? atomic_load_explicit(&count_promised[(requested + 7) / 8], memory_order_relaxed)
               : 0;
}

/* The header of a block of glibc is read at once. */
static inline bool count_is_plain(const void *block, size_t usable) {
    return why_is_small(usable) && !sample_has_place(block);
}

#endif
