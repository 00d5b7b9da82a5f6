/* The contract between a workload and the cell that runs it (harness/cell/).
 *
 * A workload is one file `workloads/timed/<name>.c`, or `workloads/timed/<folder>/<name>.c`, that
 * defines `const struct workload workload_<name>`; the build finds it, no list exists. Its first
 * comment says what it stresses, where it comes from, and what a good and a bad allocator look like
 * on it.
 *
 * Same work: the seed, the number of threads, the thread and the number of the operation alone
 * decide what a workload asks for; never a clock or an address. So equal (workload,
 * threads, ops, seed) means equal requests, which the digest proves. The timed operations are
 * numbered over all threads, which split [0, ops) among them.
 *
 * A workload may hand blocks from thread to thread, start threads of its own, and call any function
 * of the allocator. What it needs beside malloc and free it names in `needs`. Where an allocator
 * does not have it, there is no row but a reason: a workload never emulates a function.
 * WORKLOAD_REPLACES promises more (see there).
 *
 * The user may choose the sizes of a workload's requests (`takes_sizes`). They are then a part of
 * what decides the requests, and of the digest. */
#ifndef SPANBENCH_WORKLOAD_H
#define SPANBENCH_WORKLOAD_H

#include "allocator.h"
#include "sizes.h"
#include "slots.h"

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
    uint32_t thread;           /* 0 to threads - 1 */
    uint32_t threads;          /* of the sample */
    void *memory;              /* workload.memory_bytes bytes: zeroed, resident, page-aligned */
    void *shared;              /* the same for all threads: shared_bytes + threads * thread_bytes */
    uint64_t total_ops;        /* of all threads */
    uint64_t idle_ns;          /* of the cell: what the present call slept by worker_rest */
    const struct sizes *sizes; /* that the user gave, if the workload takes any; NULL: its own */

    /* Results. */
    uint64_t digest;          /* of all requests; the sum over threads is the sample's */
    uint64_t live_blocks;     /* added up by inspect, as is the next */
    uint64_t live_bytes;      /* the sum of the sizes asked for */
    uint64_t usable_bytes;    /* the sum of what the allocator says may be used of them */
    uint64_t bound_bytes;     /* a bound of theory for what such requests may need; 0: none */
    uint64_t untouched_bytes; /* of live_bytes: asked for, and not written: not resident */

    /* Of the cell, for worker_instant; NULL: nobody looks. */
    void (*instant)(struct worker *, const struct workload_instant *);
    /* Likewise, for worker_rest. */
    void (*rest)(struct worker *, unsigned milliseconds);

    /* The first failed check: its name ("" = none) and a sentence for a person. */
    const char *failed_check;
    char failure[240];
};

/* What all workloads of a scheme promise, and the tests check. */
enum {
    /* Random replacement (replace.h): each timed operation is a malloc, and a free of a random
     * block. Operation i asks for the same size at every number of threads. Each thread frees what
     * it allocated, and holds `live_blocks` from its warm-up on. */
    WORKLOAD_REPLACES = 1 << 0,
    /* Of each block the first 4 KiB alone are written and compared. */
    WORKLOAD_FIRST_PAGE = 1 << 1,
};

/* The calls of a sample, in this order; every thread calls them for its own worker, and all threads
 * wait for each other between two of them. A call that fails a check records it and returns. */
struct workload {
    unsigned abi; /* WORKLOAD_ABI */
    const char *name;
    const char *group;    /* a word: what a user chooses it by; "core" is measured by default */
    const char *summary;  /* one line: sizes, distribution, live set */
    const char *stresses; /* one line: what a bad allocator is slow or large in */

    unsigned traits; /* WORKLOAD_… */
    unsigned needs;  /* NEEDS_… (slots.h), beside malloc and free */
    /* What else it calls and the allocator lacks, as "operator new"; NULL: nothing. May be NULL. */
    const char *(*lacks)(const struct allocator *);
    /* It draws the sizes of its requests from worker.sizes. Its numbers of operations are for small
     * blocks: of larger ones the cell makes fewer (sizes_ops). */
    bool takes_sizes;
    uint32_t least_threads; /* of a sample; 0: 1 */
    uint32_t most_threads;  /* 0: any number. With 1 it may start threads of its own */
    /* For a CPU, by default, within these bounds. 0: the number has nothing to do with CPUs. */
    uint32_t threads_per_cpu;

    uint64_t ops;         /* timed operations of a sample, over all threads, by default */
    uint64_t quick_ops;   /* the same with --quick */
    uint64_t brief_ops;   /* with --brief: a few milliseconds of gomalloc; samples side by side */
    uint32_t live_blocks; /* that each thread holds at the end of run; 0: or none, or it varies */
    size_t min_bytes, max_bytes;
    size_t memory_bytes; /* for a worker's own books; may be 0 */
    size_t shared_bytes; /* for what threads share, zeroed and resident; may be 0 */
    size_t thread_bytes; /* so much more of it for each thread */

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

enum { WORKLOAD_ABI = 2 };

#define WORKLOAD_CORE "core" /* the group that is measured by default */

/* Notes the memory of this moment under its name. Both run and verify may call it, and all threads
 * do so in the same order: they wait for each other, and the first one reads. No time and no
 * counter of the sample has what that takes, nor the rest and the purge before it. */
static inline void worker_instant(struct worker *w, struct workload_instant at) {
    if (w->instant)
        w->instant(w, &at);
}

/* Sleeps on purpose. The time goes on after that: the cell takes it, by the kernel's clock: a
 * workload has none. */
static inline void worker_rest(struct worker *w, unsigned milliseconds) {
    if (w->rest)
        w->rest(w, milliseconds);
}

/* Counts a live block; inspect calls it. */
static inline void worker_count_live(struct worker *w, void *block, size_t size) {
    w->live_blocks++;
    w->live_bytes += size;
    if (w->allocator->usable_size)
        w->usable_bytes += w->allocator->usable_size(block);
}

#endif
