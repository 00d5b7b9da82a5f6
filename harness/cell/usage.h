/* What this very process uses, as the kernel sees it: memory and counters. Allocates nothing, and
 * asks the kernel itself (kernel.h). */
#ifndef SPANBENCH_USAGE_H
#define SPANBENCH_USAGE_H

#include <stdint.h>

/* In bytes, but for the last two. All of it is read at once: three files, one after the other,
 * while no other thread runs. What the kernel does not tell is 0. */
struct memory {
    uint64_t rss; /* resident set: /proc/self/smaps_rollup, which walks the page tables and is exact
                     (VmRSS is counted in batches per CPU and lags); VmRSS where there is none */
    uint64_t pss; /* the same, where a page that n processes share counts 1/n */
    uint64_t
        huge; /* of rss: AnonHugePages, what the kernel backs with huge pages of its own will */
    uint64_t swap;     /* written, and then moved out of rss to the swap */
    uint64_t vsz;      /* VmSize of /proc/self/status: mapped address space, touched or not */
    uint64_t writable; /* VmData: of vsz, what is private and may be written. Address space that is
                          only reserved, PROT_NONE, is not part of it */
    uint64_t reserved; /* of vsz: what nobody may touch, PROT_NONE. The rest is accessible */
    uint64_t lazyfree; /* of rss: freed with MADV_FREE, so that the kernel may take it back */
    uint64_t rss_peak; /* VmHWM; never below `rss`. Belongs to this program image alone, unlike
                          ru_maxrss of getrusage(2), which a process inherits through exec */
    uint64_t vsz_peak; /* VmPeak */
    uint64_t page_tables; /* VmPTE: the kernel's own memory for the map; in no other number here */
    uint64_t mappings;    /* lines of /proc/self/maps; vm.max_map_count limits them */
    uint64_t threads;     /* of the process, those that a library started included */
};

/* All zero if /proc/self cannot be read. */
struct memory memory_now(void);

/* Counted by the kernel for the whole process since it started: getrusage(2). */
struct counters {
    uint64_t cpu_ns; /* user and system time of all threads */
    uint64_t minor_faults, major_faults;
    uint64_t voluntary_switches, involuntary_switches;
};

struct counters counters_now(void);

/* What has been counted since then. */
struct counters counters_since(const struct counters *then);

void counters_add(struct counters *, struct counters more);
void counters_subtract(struct counters *, struct counters less);

#endif
