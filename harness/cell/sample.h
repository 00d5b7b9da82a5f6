/* One sample: a workload on an allocator by some threads, timed or verified, with the memory of the
 * process read at known instants. */
#ifndef SPANBENCH_SAMPLE_H
#define SPANBENCH_SAMPLE_H

#include "usage.h"
#include "workload.h"

enum {
    SAMPLE_MAX_THREADS = 256,
    SAMPLE_MAX_LATER   = 4,
    SAMPLE_MAX_NOTED   = 24,
    SAMPLE_NAME_BYTES  = 32,
    SAMPLE_MAX_REACHED = SAMPLE_MAX_NOTED + 5
};

struct sample_request {
    const struct workload *workload;
    const struct allocator *allocator;
    uint64_t seed;
    uint64_t ops;     /* timed operations over all threads */
    unsigned threads; /* 1 to SAMPLE_MAX_THREADS; the calling thread is the first of them */
    unsigned cpus;    /* that can run at once: more threads do not spin; 0: by affinity */
    bool verify;      /* check every byte instead of taking the time */
    const struct sizes *sizes; /* of the requests; NULL: the workload's own */
    unsigned hold_ms;          /* rest at each instant, for a sampler that looks from outside */
    unsigned later_ms[SAMPLE_MAX_LATER]; /* after the end, and after a purge, memory is
                                            read again; rising, 0 ends it. A timed sample only */
    /* The first thread calls it at each instant, after it read the memory; NULL: nobody looks. */
    void (*look)(const char *instant);
};

/* The instants. At each, every thread waits while the first one reads. */
enum sample_instant {
    SAMPLE_START,   /* before the first operation; the threads run, the books are resident: what
                       the harness itself costs */
    SAMPLE_LIVE,    /* all threads hold their live set */
    SAMPLE_DRAINED, /* all blocks are freed; the threads, and so their caches, still exist */
    SAMPLE_PURGED,  /* the allocator was asked to give cached memory back; read at once */
    SAMPLE_INSTANTS
};

/* One more: of the workload's (worker_instant), or some time after one of those above. */
struct sample_noted {
    char name[SAMPLE_NAME_BYTES];
    uint64_t held_bytes; /* by all threads, as asked for */
    struct memory memory;
};

/* When an instant was reached, before any rest there; and when the timed operations began. */
struct sample_reached {
    char name[SAMPLE_NAME_BYTES];
    uint64_t at_ns; /* CLOCK_MONOTONIC */
};

/* The warm-up, or the timed operations. All threads leave a rendezvous at its beginning together.
 */
struct sample_span {
    uint64_t wall_ns;         /* from the first thread's start to the last thread's end */
    uint64_t start_skew_ns;   /* from the first thread's start to the last thread's */
    uint64_t counted_ns;      /* from before the threads meet at its start to after they met at its
                                 end: threads that wait for one that the machine held back spin */
    struct counters counters; /* over counted_ns, for the whole process; but no CPU time in which
                                 its threads wait for each other at its ends */
};

struct sample_result {
    struct sample_span warm_up, timed;
    uint64_t digest; /* of all requests */
    uint64_t live_blocks, live_bytes;
    uint64_t usable_bytes;    /* of the live blocks; 0: the allocator has no usable_size */
    uint64_t untouched_bytes; /* of live_bytes: never written */
    uint64_t bound_bytes;     /* of theory, for the memory that such requests may need; 0: none */
    struct memory memory[SAMPLE_INSTANTS];             /* SAMPLE_PURGED: only with purge */
    struct sample_noted noted[SAMPLE_MAX_NOTED];       /* in the order of time */
    unsigned noted_count;                              /* more are dropped */
    struct sample_reached reached[SAMPLE_MAX_REACHED]; /* in the order of time */
    unsigned reached_count;
    struct mallinfo2 stats; /* the allocator's own account at SAMPLE_LIVE, if any */

    const char *failed_check; /* "" = none; the first one that failed, by number of thread */
    char failure[240];
};

/* Runs one sample. Call it once in a process: the books of the threads stay mapped. */
void sample_run(const struct sample_request *, struct sample_result *);

/* A thread's timed operations, which sample_run calls once in each thread. Public for its name:
 * scripts/gate counts instructions within it. */
void sample_timed_span(struct worker *, const struct sample_request *);

#endif
