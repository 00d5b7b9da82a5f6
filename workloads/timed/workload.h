/* The contract between a workload and the cell that runs it (harness/cell/).
 *
 * A workload is one file `workloads/timed/<name>.c` that defines `const struct workload
 * workload_<name>`; the build finds it, no list exists.
 *
 * Same work: what a workload asks for is a pure function of the seed, the thread and the number of
 * the operation, never of a clock or an address. So equal (workload, threads, ops, seed) means
 * equal requests, which the digest proves. The timed operations are numbered over all threads:
 * operation i of `ops` asks for the same size at every number of threads, which split [0, ops)
 * among them.
 *
 * What is not measured: no block is freed by another thread than the one that allocated it, and of
 * the functions of an allocator only malloc and free are timed. An allocator that is slow where
 * threads hand blocks to each other, or in realloc, shows nothing of it here. */
#ifndef SPANBENCH_WORKLOAD_H
#define SPANBENCH_WORKLOAD_H

#include "allocator.h"

#include <stdbool.h>
#include <stdint.h>

/* A moment in the work at which the memory of the process is of interest ("half is freed"). */
struct workload_instant {
    const char *name;    /* a few words, below 32 bytes */
    uint64_t held_bytes; /* by this thread at that moment, as asked for */
    unsigned rest_ms;    /* all threads sleep so long before the memory is read */
    bool purge;          /* and before that, they ask the allocator to give memory back */
};

/* One thread's share of a sample. Owned by one thread; padded so that no two share a cache line. */
struct worker {
    _Alignas(128) const struct allocator *allocator;
    uint64_t seed;
    uint64_t first_op; /* this thread runs the timed operations [first_op, first_op + ops) */
    uint64_t ops;
    uint32_t thread; /* 0 to threads - 1 */
    void *memory;    /* workload.memory_bytes bytes: zeroed, resident, page-aligned */

    /* Results. */
    uint64_t digest;          /* of all requests; the sum over threads is the sample's */
    uint64_t live_blocks;     /* added up by inspect, as is the next */
    uint64_t live_bytes;      /* the sum of the sizes asked for */
    uint64_t usable_bytes;    /* the sum of what the allocator says may be used of them */
    uint64_t untouched_bytes; /* of live_bytes: asked for, and not written: not resident */

    /* Of the cell, for worker_instant; NULL: nobody looks. */
    void (*instant)(struct worker *, const struct workload_instant *);

    /* The first failed check: its name ("" = none) and a sentence for a person. */
    const char *failed_check;
    char failure[240];
};

/* The calls of a sample, in this order; every thread calls them for its own worker, and all threads
 * wait for each other between two of them. A call that fails a check records it and returns. */
struct workload {
    unsigned abi; /* WORKLOAD_ABI */
    const char *name;
    const char *summary; /* one line: sizes, distribution, live set */

    uint64_t ops;         /* timed operations of a sample, over all threads, by default */
    uint64_t quick_ops;   /* the same with --quick */
    uint64_t brief_ops;   /* with --brief: a few milliseconds of gomalloc; samples side by side */
    uint32_t live_blocks; /* that each thread holds */
    size_t min_bytes, max_bytes;
    size_t memory_bytes; /* for a worker's own books */

    /* Builds the live set and brings it to a steady state; not timed. `verify`: every byte of a
     * block is written when it is made and compared before it is freed, alignment and usable size
     * are checked. */
    void (*warm_up)(struct worker *, bool verify);

    /* The timed operations. Leaves the live set alive. */
    void (*run)(struct worker *);

    /* The same requests in the same order as run, not timed, checked as in warm_up. */
    void (*verify)(struct worker *);

    /* While the live set is alive: counts it, checks that what run wrote is still there (left out
     * for ALLOCATOR_FLOOR) and, after verify, compares every byte. */
    void (*inspect)(struct worker *, bool verified);

    /* Frees the live set. */
    void (*drain)(struct worker *);
};

enum { WORKLOAD_ABI = 1 };

/* Notes the memory of this moment under its name. Both run and verify may call it, and all threads
 * do so in the same order: they wait for each other, and the first one reads. No time and no
 * counter of the sample has what that takes, nor the rest and the purge before it. */
static inline void worker_instant(struct worker *w, struct workload_instant at) {
    if (w->instant)
        w->instant(w, &at);
}

/* Counts a live block; inspect calls it. */
static inline void worker_count_live(struct worker *w, void *block, size_t size) {
    w->live_blocks++;
    w->live_bytes += size;
    if (w->allocator->usable_size)
        w->usable_bytes += w->allocator->usable_size(block);
}

#endif
