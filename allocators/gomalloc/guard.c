#include "guard.h"

#ifdef GOMALLOC_HARDENED

#include "os.h"
#include "sizeclasses.h"

_Atomic uint64_t guard_next;

static _Atomic unsigned guards;

/* The generic cell rate algorithm: guard_next lies ahead of the clock by as many steps as were
 * taken in a row. relaxed throughout: a heuristic. */
bool guard_is_due(enum guard_use use) {
    if (os_page_bytes() >= PAGE_BYTES ||
        atomic_load_explicit(&guards, memory_order_relaxed) >= GUARDS_MOST)
        return false;
    const uint64_t ahead = GUARDS_AT_ONCE - (use == GUARD_SMALL ? GUARDS_KEPT : 0);
    const uint64_t now   = os_about_now_ns();
    uint64_t next        = atomic_load_explicit(&guard_next, memory_order_relaxed), from;
    do {
        from = next > now ? next : now;
        if (from - now > (ahead - 1) * GUARD_NS)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&guard_next, &next, from + GUARD_NS,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* relaxed: of threads that come at once, each counts itself first. */
bool guard_set(uintptr_t from, size_t bytes) {
    if (atomic_fetch_add_explicit(&guards, 1, memory_order_relaxed) < GUARDS_MOST &&
        os_protect(os_pointer(from), bytes, false))
        return true;
    atomic_fetch_sub_explicit(&guards, 1, memory_order_relaxed);
    return false;
}

void guard_give_up(void) {
    atomic_fetch_sub_explicit(&guards, 1, memory_order_relaxed);
}

bool guard_lift(uintptr_t from, size_t bytes) {
    if (!os_protect(os_pointer(from), bytes, true))
        return false;
    guard_give_up();
    return true;
}

#endif
