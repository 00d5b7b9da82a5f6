/* What the program maps itself, past malloc: mmap, munmap and mremap, except where the allocator
 * calls them. The C library's own calls, also its malloc's, do not come by here. */
#include "outside.h"

#include "count.h"
#include "next.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

enum { PAGE = 4096, MOST_TRIES = 1000 };

static const void *made_by[WHY_OUTSIDE]; /* where mmap was called; under the lock */
static _Atomic uint32_t used; /* no range from here on; relaxed: who reads less misses a new one */

/* False: another thread holds it, and a handler of a signal may have interrupted that thread. */
static bool lock(void) {
    for (int i = 0; i < MOST_TRIES; i++) {
        uint32_t open = 0;
        if (atomic_compare_exchange_strong_explicit(&count_book->outside_lock, &open, 1,
                                                    memory_order_acquire, memory_order_relaxed))
            return true;
        sched_yield();
    }
    return false;
}

static void unlock(void) {
    atomic_store_explicit(&count_book->outside_lock, 0, memory_order_release);
}

static bool set_free(uint64_t start, uint64_t end, const void *caller) {
    for (unsigned i = 0; i < WHY_OUTSIDE; i++) {
        struct why_outside *o = &count_book->outside[i];
        if (atomic_load_explicit(&o->end, memory_order_relaxed))
            continue;
        atomic_store_explicit(&o->start, start, memory_order_relaxed);
        atomic_store_explicit(&o->end, end, memory_order_relaxed);
        made_by[i] = caller;
        if (i >= atomic_load_explicit(&used, memory_order_relaxed))
            atomic_store_explicit(&used, i + 1, memory_order_relaxed);
        return true;
    }
    return false;
}

/* Joins a neighbour of the same origin, where there is one. */
static void add(uint64_t start, uint64_t end, const void *caller) {
    for (unsigned i = 0; i < WHY_OUTSIDE; i++) {
        struct why_outside *o = &count_book->outside[i];
        const uint64_t from   = atomic_load_explicit(&o->start, memory_order_relaxed);
        const uint64_t to     = atomic_load_explicit(&o->end, memory_order_relaxed);
        if (!to || made_by[i] != caller)
            continue;
        if (end == from) {
            atomic_store_explicit(&o->start, start, memory_order_relaxed);
            return;
        }
        if (start == to) {
            atomic_store_explicit(&o->end, end, memory_order_relaxed);
            return;
        }
    }
    if (!set_free(start, end, caller))
        atomic_store_explicit(&count_book->outside_lost, 1, memory_order_relaxed);
}

static void cut(uint64_t start, uint64_t end) {
    for (unsigned i = 0; i < WHY_OUTSIDE; i++) {
        struct why_outside *o = &count_book->outside[i];
        const uint64_t from   = atomic_load_explicit(&o->start, memory_order_relaxed);
        const uint64_t to     = atomic_load_explicit(&o->end, memory_order_relaxed);
        if (!to || end <= from || to <= start)
            continue;
        atomic_store_explicit(&o->end, start > from ? start : 0, memory_order_relaxed);
        if (end < to && start <= from) {
            atomic_store_explicit(&o->start, end, memory_order_relaxed);
            atomic_store_explicit(&o->end, to, memory_order_relaxed);
        } else if (end < to) {
            set_free(end, to, made_by[i]);
        }
    }
}

/* `caller` is NULL where the allocator called, or nothing is mapped. */
static void change(const void *at, size_t size, const void *caller) {
    const uint64_t start = (uintptr_t)at, end = (start + size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (!count_book || !lock())
        return;
    cut(start, end);
    if (caller)
        add(start, end, caller);
    unlock();
}

static const void *if_program(const void *caller) {
    return count_book && !next_holds(caller) ? caller : NULL;
}

static bool has(unsigned i, uint64_t address) {
    const struct why_outside *o = &count_book->outside[i];
    return atomic_load_explicit(&o->start, memory_order_relaxed) <= address &&
           address < atomic_load_explicit(&o->end, memory_order_relaxed);
}

void outside_has_block(uint64_t address) {
    const uint32_t count = atomic_load_explicit(&used, memory_order_relaxed);
    uint32_t i           = 0;
    while (i < count && !has(i, address))
        i++;
    if (i == count || !lock())
        return;
    if (has(i, address))
        atomic_store_explicit(&count_book->outside[i].end, 0, memory_order_relaxed);
    unlock();
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): ours are words, glibc's are __a
PUBLIC void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    void *got = (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset); // NOLINT
    if (got != MAP_FAILED && (flags & MAP_ANONYMOUS))
        change(got, size, if_program(__builtin_return_address(0)));
    return got;
}

PUBLIC void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    void *got = (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset); // NOLINT
    if (got != MAP_FAILED && (flags & MAP_ANONYMOUS))
        change(got, size, if_program(__builtin_return_address(0)));
    return got;
}

PUBLIC int munmap(void *at, size_t size) {
    change(at, size, NULL); /* before another thread may get the same place */
    return (int)syscall(SYS_munmap, at, size);
}

PUBLIC void *mremap(void *at, size_t before, size_t size, int flags, ...) {
    va_list more;
    va_start(more, flags);
    void *to = flags & MREMAP_FIXED ? va_arg(more, void *) : NULL;
    va_end(more);
    void *got = (void *)syscall(SYS_mremap, at, before, size, flags, to); // NOLINT
    if (got == MAP_FAILED)
        return got;
    change(at, before, NULL);
    change(got, size, if_program(__builtin_return_address(0)));
    return got;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
