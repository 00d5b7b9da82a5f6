#include "lock.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in linux/futex.h, which not every C library's compiler finds (musl-gcc). */
enum { FUTEX_WAIT_PRIVATE = 0 | 128, FUTEX_WAKE_PRIVATE = 1 | 128 };

enum { SPINS = 100 }; /* about the time of the longest critical section */

static void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void lock_wait(struct lock *l) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&l->state, memory_order_relaxed) == 0 && lock_try(l))
            return;
        pause_cpu();
    }
    const int saved = errno; /* free() must not change it (POSIX.1-2024) */
    /* acquire: as in lock_try */
    while (atomic_exchange_explicit(&l->state, 2, memory_order_acquire) != 0)
        syscall(SYS_futex, &l->state, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    errno = saved;
}

void lock_wake(struct lock *l) {
    const int saved = errno;
    syscall(SYS_futex, &l->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}
