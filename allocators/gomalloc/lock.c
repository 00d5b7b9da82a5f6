#include "lock.h"

#include "os.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in linux/futex.h, which not every C library's compiler finds (musl-gcc). */
enum { FUTEX_WAIT_PRIVATE = 0 | 128, FUTEX_WAKE_PRIVATE = 1 | 128 };

enum { SPINS = 100 }; /* about the time of the longest critical section */

_Thread_local uint64_t lock_self;

_Static_assert(_Alignof(uint64_t) > LOCK_AWAITED, "the bit is free in an address");

static void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The half of the word that has LOCK_AWAITED: a futex has 32 bits. Two owners may look alike there,
 * which does not matter, for the bit is set while anybody sleeps: each release wakes one. */
static uint32_t *futex_of(struct lock *l) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (uint32_t *)&l->word;
#else
    return (uint32_t *)&l->word + 1;
#endif
}

void lock_wait(struct lock *l) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&l->word, memory_order_relaxed) == 0 && lock_try(l))
            return;
        pause_cpu();
    }
    if (lock_is_mine(l))
        os_die("malloc or free in a signal handler that interrupted another; the lock is", l);
    const int saved = errno; /* free() must not change it (POSIX.1-2024) */
    for (uintptr_t word = 0;;) {
        if (word == 0) {
            /* acquire: as in lock_try. Others may sleep still, so the bit is set. */
            if (atomic_compare_exchange_strong_explicit(&l->word, &word, lock_me() | LOCK_AWAITED,
                                                        memory_order_acquire, memory_order_relaxed))
                break;
        } else if (!(word & LOCK_AWAITED)) {
            /* relaxed: it guards nothing; the owner's exchange comes before or after it */
            if (atomic_compare_exchange_strong_explicit(&l->word, &word, word | LOCK_AWAITED,
                                                        memory_order_relaxed, memory_order_relaxed))
                word |= LOCK_AWAITED;
        } else {
            syscall(SYS_futex, futex_of(l), FUTEX_WAIT_PRIVATE, (uint32_t)word, NULL, NULL, 0);
            word = atomic_load_explicit(&l->word, memory_order_relaxed);
        }
    }
    errno = saved;
}

void lock_wake(struct lock *l) {
    const int saved = errno;
    syscall(SYS_futex, futex_of(l), FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}

bool lock_after_fork(struct lock *l) {
    /* relaxed: there is no other thread */
    if (atomic_load_explicit(&l->word, memory_order_relaxed) == 0 || lock_is_mine(l))
        return false;
    atomic_store_explicit(&l->word, 0, memory_order_relaxed);
    return true;
}
