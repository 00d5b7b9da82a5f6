/* Transparent huge pages as an axis of a measurement: whether this process may have them.
 *
 * The kernel has one switch for the machine, /sys/kernel/mm/transparent_hugepage/enabled. It says
 * always, madvise or never. For a process there is prctl(2), which can only take away. It makes
 * "never" of everything, and from Linux 6.18 on "madvise" of "always". Nothing makes "always" for
 * one process of a machine that says less. Pages that were touched before stay as they are.
 * Explicit huge pages (hugetlbfs) are another thing. */
#ifndef SPANBENCH_HUGE_PAGES_H
#define SPANBENCH_HUGE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

enum huge_pages {
    HUGE_PAGES_NEVER,
    HUGE_PAGES_MADVISE, /* where the allocator asks for them by madvise(2) */
    HUGE_PAGES_ALWAYS,  /* wherever one fits */
    HUGE_PAGES_UNKNOWN  /* the kernel does not say; it may be built without them */
};

/* "never", "madvise", "always", "unknown". */
const char *huge_pages_name(enum huge_pages);

/* The one of that name; HUGE_PAGES_UNKNOWN: none has it. */
enum huge_pages huge_pages_of(const char *name);

/* What holds for this process now. */
enum huge_pages huge_pages_now(void);

/* Makes it so for this process and its children. False: it cannot be so here, and `problem` gets
 * one sentence of at most `size` bytes that says why and what would help. */
bool huge_pages_set(enum huge_pages, char *problem, size_t size);

#endif
