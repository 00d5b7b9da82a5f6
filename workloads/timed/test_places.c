/* The families that hold blocks in places (places.h) do the same work at every number of threads.
 * Each fault of a function other than malloc is found. */
#include "tap.h"
#include "workload.h"

#include <stdint.h>
#include <stdlib.h>

#define W(name) extern const struct workload workload_##name;
#include "workloads.inc"
#undef W
#define W(name) &workload_##name,
static const struct workload *const workloads[] = {
#include "workloads.inc"
};
#undef W
enum { WORKLOADS = sizeof workloads / sizeof *workloads, THREADS = 2 };
enum { HEAVY = 256 << 10 }; /* bytes of a worker's books: as long takes its warm-up */

/* --- the C library's allocator with at most one fault --- */

enum fault {
    NO_FAULT,
    LOSES,   /* realloc: a byte of what it keeps */
    DIRTY,   /* calloc: a byte in the middle is not zero */
    CROOKED, /* aligned_alloc: 16 bytes past an aligned address */
    REFUSES, /* any: NULL */
    DAMAGES, /* calloc: a byte in the middle of the block that it gave before changes */
};

static struct {
    enum fault fault;
    size_t after;          /* so many calls that could are good */
    unsigned char *before; /* of calloc */
    size_t before_size;
} heap;

static bool now(enum fault fault) {
    return heap.fault == fault && heap.after-- == 0;
}

static void *faulty_malloc(size_t size) {
    if (now(REFUSES))
        return NULL;
    return malloc(size);
}

static void *faulty_calloc(size_t count, size_t size) {
    if (now(REFUSES))
        return NULL;
    unsigned char *block = calloc(count, size);
    if (now(DIRTY))
        block[count * size / 2] = 1;
    if (now(DAMAGES)) /* it is alive: the last one that was made goes last */
        heap.before[heap.before_size / 2 + 1] ^= 0x55;
    heap.before      = block;
    heap.before_size = count * size;
    return block;
}

static void *faulty_realloc(void *old, size_t size) {
    if (now(REFUSES))
        return NULL;
    unsigned char *block = realloc(old, size);
    if (now(LOSES))
        block[7] ^= 1;
    return block;
}

static void *faulty_aligned_alloc(size_t alignment, size_t size) {
    if (now(REFUSES))
        return NULL;
    char *block = aligned_alloc(alignment, size + 2 * alignment);
    return alignment > 16 && now(CROOKED) ? block + 16 : block;
}

/* Of blocks that are not where they were made. */
static void keep(void *block) {
    (void)block;
}

static struct allocator faulty = {
    .abi           = ALLOCATOR_ABI,
    .malloc        = faulty_malloc,
    .free          = free,
    .calloc        = faulty_calloc,
    .realloc       = faulty_realloc,
    .aligned_alloc = faulty_aligned_alloc,
    .usable_size   = malloc_usable_size,
};

/* --- runs --- */

struct outcome {
    uint64_t digest, warm, live_blocks, live_bytes;
    char failed_check[24];
};

/* A family that is about other functions than the operators of C++, which are not faulty here. */
static bool is_ours(const struct workload *load) {
    return (strcmp(load->group, "api") == 0 || strcmp(load->group, "time") == 0 ||
            strcmp(load->group, "use") == 0) &&
           !load->lacks;
}

/* A few operations of each, for all is verified. */
static uint64_t few_ops(const struct workload *load) {
    const uint64_t few = load->brief_ops / 8;
    return few < 2 * THREADS ? 2 * THREADS : few / THREADS * THREADS;
}

/* All threads' shares, one after the other, in this thread. */
static struct outcome run(const struct workload *load, uint64_t seed, unsigned threads,
                          bool verify) {
    struct outcome o = {0};
    struct worker *w = calloc(threads, sizeof *w);
    for (unsigned t = 0; t < threads; t++) {
        w[t] = (struct worker){.allocator    = &faulty,
                               .seed         = seed,
                               .first_op     = few_ops(load) / threads * t,
                               .ops          = few_ops(load) / threads,
                               .thread       = t,
                               .threads      = threads,
                               .memory       = calloc(1, load->memory_bytes),
                               .failed_check = ""};
        load->warm_up(&w[t], verify);
        o.warm += w[t].digest;
        if (!*w[t].failed_check)
            (verify ? load->verify : load->run)(&w[t]);
        if (!*w[t].failed_check)
            load->inspect(&w[t], verify);
        if (!*w[t].failed_check)
            load->drain(&w[t]);
        else
            snprintf(o.failed_check, sizeof o.failed_check, "%s", w[t].failed_check);
        free(w[t].memory);
        o.digest += w[t].digest;
        o.live_blocks += w[t].live_blocks;
        o.live_bytes += w[t].live_bytes;
    }
    free(w);
    return o;
}

/* What test_families.c cannot say of all workloads. */
static void test_same_work(const struct workload *load) {
    heap.fault                 = NO_FAULT;
    const struct outcome timed = run(load, 7, 1, false), shared = run(load, 7, THREADS, false);
    OK(!*timed.failed_check && !*shared.failed_check, "%s: a good allocator passes", load->name);
    IS(timed.digest - timed.warm, shared.digest - shared.warm,
       "%s: the same timed requests at %d threads as at 1", load->name, THREADS);
    OK(timed.live_blocks > 0, "%s: something is alive at the end", load->name);
    if (load->live_blocks)
        IS(shared.live_blocks, THREADS * load->live_blocks, "%s: as many blocks as it says",
           load->name);
}

/* The check that fails when, after some good calls, one has the fault. */
static void test_fault(const struct workload *load, enum fault fault, const char *check,
                       const char *what) {
    heap.fault             = fault;
    heap.after             = 5;
    faulty.usable_size     = fault == CROOKED ? NULL : malloc_usable_size; /* it would crash */
    faulty.free            = fault == CROOKED ? keep : free;
    const struct outcome o = run(load, 7, 1, true);
    heap.fault             = NO_FAULT;
    faulty.free            = free;
    CONTAINS(o.failed_check, check, "%s: %s is found", load->name, what);
}

/* --- the collector --- */

static struct {
    size_t mallocs, bursts, odd;
    bool freeing;
} sweeps;

static void *swept_malloc(size_t size) {
    sweeps.mallocs++;
    sweeps.freeing = false;
    return malloc(size);
}

static void swept_free(void *block) {
    enum { BURST = 16384 };
    if (!sweeps.freeing) {
        sweeps.bursts++;
        sweeps.odd += sweeps.mallocs % BURST != 0;
    }
    sweeps.freeing = true;
    free(block);
}

static void test_sweeps(void) {
    faulty.malloc = swept_malloc;
    faulty.free   = swept_free;
    run(&workload_collector, 7, 1, false);
    faulty.malloc = faulty_malloc;
    faulty.free   = free;
    OK(sweeps.bursts >= 4 && sweeps.odd == 1,
       "collector: frees come every 16384 allocations, and at the end (%zu bursts, %zu others)",
       sweeps.bursts, sweeps.odd);
}

int main(void) {
    test_sweeps();
    for (size_t i = 0; i < WORKLOADS; i++) {
        const struct workload *load = workloads[i];
        if (!is_ours(load) || (load->memory_bytes > HEAVY && tap_slow(load->name)))
            continue;
        test_same_work(load);
        if (load->needs & NEEDS_REALLOC)
            test_fault(load, LOSES, "contents", "a byte that realloc loses");
        if (load->needs & NEEDS_CALLOC)
            test_fault(load, DIRTY, "contents", "a byte of calloc that is not zero");
        if (load->needs & NEEDS_CALLOC)
            test_fault(load, DAMAGES, "contents", "a byte of a live block that changes");
        if (load->needs & NEEDS_ALIGNED_ALLOC)
            test_fault(load, CROOKED, "alignment", "a block that is not aligned as asked");
        if (load->needs)
            test_fault(load, REFUSES, "null", "NULL");
    }
    return tap_done();
}
