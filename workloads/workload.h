/* The contract between a workload and the cell that runs it (harness/cell/).
 *
 * A workload is one file `workloads/<name>.c` that defines `const struct workload workload_<name>`;
 * the build finds it, no list exists.
 *
 * Same work: what a workload asks for is a pure function of the seed and of the number of the
 * operation, never of a clock, an address or the number of threads. Operation i of `ops` makes the
 * same request at every thread count; threads split the range [0, ops) among themselves. So equal
 * (workload, ops, seed) means equal requests, which the digest proves. */
#ifndef SPANBENCH_WORKLOAD_H
#define SPANBENCH_WORKLOAD_H

#include "allocator.h"

#include <stdbool.h>
#include <stdint.h>

/* One thread's share of a sample. Owned by one thread; padded so that no two share a cache line. */
struct worker {
    _Alignas(128) const struct allocator *allocator;
    uint64_t seed;
    uint64_t first_op; /* this thread runs the operations [first_op, first_op + ops) */
    uint64_t ops;
    uint32_t thread; /* 0 to threads - 1 */
    uint32_t slots;  /* blocks that this thread keeps alive */
    void *memory;    /* workload.memory_bytes(slots) bytes: zeroed, resident, page-aligned */

    /* Results. */
    uint64_t digest;      /* of this thread's requests; the sum over threads is the sample's */
    uint64_t live_blocks; /* set by inspect */
    uint64_t live_bytes;  /* set by inspect: the sum of the sizes asked for */

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

    uint64_t ops;         /* of a sample, over all threads, by default */
    uint64_t quick_ops;   /* the same with --quick */
    uint32_t live_blocks; /* the live set over all threads; threads hold equal parts */
    size_t min_bytes, max_bytes;

    /* Bytes that a worker with so many slots needs for its own books. */
    size_t (*memory_bytes)(uint32_t slots);

    /* The timed work. Leaves the live set alive, records the digest. */
    void (*run)(struct worker *);

    /* The same requests in the same order, untimed: every byte of a block is written when it is
     * made and compared before it is freed; alignment and the usable size are checked. */
    void (*verify)(struct worker *);

    /* Untimed, while the live set is alive: counts it, checks that what run wrote is still there
     * (left out for ALLOCATOR_FLOOR) and, after verify, compares every byte. */
    void (*inspect)(struct worker *, bool verified);

    /* Frees the live set. */
    void (*drain)(struct worker *);
};

enum { WORKLOAD_ABI = 1 };

#endif
