/* The memory limit (Go's GOMEMLIMIT): of what the library's blocks and free pages take together,
 * huge blocks included, whether they are touched or not. It is soft. Before more memory is used
 * than it allows, free pages go back, and if these do not suffice, what threads have cached. What
 * the program itself has it gets beyond the limit, too. All functions are thread-safe. */
#ifndef GOMALLOC_LIMIT_H
#define GOMALLOC_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Pages; 0: there is no limit. */
extern _Atomic size_t limit_pages;

/* By so many pages the limit is exceeded; 0 also if there is none. `percent`: of it. */
size_t limit_excess(unsigned percent);

/* Gives so many pages back, or what there is. False: there were not so many. */
bool limit_give_back(size_t pages);

/* May threads be asked for what they have cached? Rarely, for they need it. */
bool limit_may_flush(void);

/* The limit in bytes of the cgroup that `self`, /proc/self/cgroup, names, and of those around it,
 * in the trees below `root`, /sys/fs/cgroup: the lowest. 0: there is none. */
size_t limit_of_cgroup(const char *root, const char *self);

static inline bool limit_is_set(void) {
    /* relaxed: it is set before the program has threads */
    return __builtin_expect(atomic_load_explicit(&limit_pages, memory_order_relaxed) != 0, 0);
}

#endif
