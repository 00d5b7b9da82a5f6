/* All workloads of other schemes than random replacement, run by real threads. The digest is a pure
 * function of what is asked for, and every block is freed. An allocator with a fault is found, and
 * nothing hangs. */
#include "tap.h"
#include "workload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define W(name) extern const struct workload workload_##name;
#include "workloads.inc"
#undef W
#define W(name) &workload_##name,
static const struct workload *const workloads[] = {
#include "workloads.inc"
};
#undef W
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

enum { MOST_THREADS = 8, HANG_SECONDS = 200, LARGE = 4 << 20 };
enum { HEAVY = 256 << 10 }; /* bytes of a worker's books: as long takes its warm-up */

/* --- a sample, as the cell runs it --- */

static struct crew {
    struct worker worker[MOST_THREADS];
    const struct workload *load;
    pthread_barrier_t meeting;
    size_t live_at_inspection; /* as the allocator counts */
    unsigned threads;
    bool verify;
} crew;

struct outcome {
    uint64_t digest, live_blocks, live_bytes;
    size_t live_at_inspection;
    const char *failed_check, *failure;
};

/* --- an allocator that counts its blocks --- */

static struct {
    atomic_size_t live, most_live, outside;
    atomic_size_t allocated; /* calls so far */
} counts;

static void count_one(size_t size) {
    const size_t live = atomic_fetch_add(&counts.live, 1) + 1;
    atomic_fetch_add(&counts.allocated, 1);
    if (live > atomic_load(&counts.most_live)) /* a race would only understate it */
        atomic_store(&counts.most_live, live);
    if (size < crew.load->min_bytes || size > crew.load->max_bytes)
        atomic_fetch_add(&counts.outside, 1);
}

static void *count_malloc(size_t size) {
    count_one(size);
    return malloc(size);
}

static void count_free(void *block) {
    if (block)
        atomic_fetch_sub(&counts.live, 1);
    free(block);
}

static void *count_calloc(size_t count, size_t size) {
    count_one(count * size);
    return calloc(count, size);
}

static void *count_realloc(void *block, size_t size) {
    count_one(size);
    if (block)
        atomic_fetch_sub(&counts.live, 1);
    return realloc(block, size);
}

static void *count_reallocarray(void *block, size_t count, size_t size) {
    return count_realloc(block, count * size);
}

static void *count_aligned_alloc(size_t alignment, size_t size) {
    count_one(size);
    return aligned_alloc(alignment, size);
}

static int count_posix_memalign(void **block, size_t alignment, size_t size) {
    count_one(size);
    return posix_memalign(block, alignment, size);
}

static void count_free_sized(void *block, size_t size) {
    (void)size;
    count_free(block);
}

static void count_free_aligned_sized(void *block, size_t alignment, size_t size) {
    (void)alignment;
    (void)size;
    count_free(block);
}

static int count_purge(size_t pad) {
    (void)pad;
    return 0;
}

static const struct allocator counting = {
    .abi                = ALLOCATOR_ABI,
    .malloc             = count_malloc,
    .free               = count_free,
    .calloc             = count_calloc,
    .realloc            = count_realloc,
    .reallocarray       = count_reallocarray,
    .aligned_alloc      = count_aligned_alloc,
    .posix_memalign     = count_posix_memalign,
    .memalign           = count_aligned_alloc,
    .usable_size        = malloc_usable_size,
    .free_sized         = count_free_sized,
    .free_aligned_sized = count_free_aligned_sized,
    .purge              = count_purge,
};

static void *work(void *arg) {
    struct worker *w = arg;
    bool failed      = false;
    crew.load->warm_up(w, crew.verify);
    pthread_barrier_wait(&crew.meeting);
    if (crew.verify && !*w->failed_check)
        crew.load->verify(w);
    else if (!crew.verify)
        crew.load->run(w);
    pthread_barrier_wait(&crew.meeting);
    if (w->thread == 0)
        crew.live_at_inspection = atomic_load(&counts.live);
    crew.load->inspect(w, crew.verify);
    pthread_barrier_wait(&crew.meeting);
    for (unsigned t = 0; t < crew.threads; t++)
        failed |= *crew.worker[t].failed_check != '\0';
    if (!failed) /* the heap may be broken */
        crew.load->drain(w);
    return NULL;
}

static unsigned threads_of(const struct workload *load) {
    const unsigned least = load->least_threads > 2 ? load->least_threads : 2;
    return load->most_threads && load->most_threads < least ? load->most_threads : least;
}

static struct outcome run(const struct workload *load, const struct allocator *a, uint64_t seed,
                          uint64_t ops, unsigned threads, bool verify) {
    pthread_t thread[MOST_THREADS];
    struct outcome sum = {.failed_check = "", .failure = ""};
    const size_t bytes = load->shared_bytes + load->thread_bytes * threads;
    void *shared       = bytes ? aligned_alloc(4096, (bytes + 4095) / 4096 * 4096) : NULL;
    if (shared)
        memset(shared, 0, bytes);
    counts.live = counts.most_live = counts.outside = counts.allocated = 0;
    crew.load                                                          = load;
    crew.verify                                                        = verify;
    crew.threads                                                       = threads;
    pthread_barrier_init(&crew.meeting, NULL, threads);
    for (unsigned t = 0; t < threads; t++) {
        const uint64_t first = ops * t / threads;
        crew.worker[t]       = (struct worker){.allocator    = a,
                                               .seed         = seed,
                                               .first_op     = first,
                                               .ops          = ops * (t + 1) / threads - first,
                                               .thread       = t,
                                               .threads      = threads,
                                               .memory       = calloc(1, load->memory_bytes + 1),
                                               .shared       = shared,
                                               .total_ops    = ops,
                                               .failed_check = ""};
    }
    for (unsigned t = 1; t < threads; t++)
        if (pthread_create(&thread[t], NULL, work, &crew.worker[t]) != 0)
            abort();
    work(&crew.worker[0]);
    for (unsigned t = 1; t < threads; t++)
        pthread_join(thread[t], NULL);
    pthread_barrier_destroy(&crew.meeting);
    for (unsigned t = 0; t < threads; t++) {
        const struct worker *w = &crew.worker[t];
        sum.digest += w->digest;
        sum.live_blocks += w->live_blocks;
        sum.live_bytes += w->live_bytes;
        if (*w->failed_check)
            sum.failed_check = w->failed_check, sum.failure = w->failure;
        if (!*w->failed_check) /* sleepers of a failed one may still look at it */
            free(w->memory);
    }
    sum.live_at_inspection = crew.live_at_inspection;
    if (!*sum.failed_check)
        free(shared);
    return sum;
}

/* So few that it takes milliseconds. */
static uint64_t few_ops(const struct workload *load) {
    enum { FEW = 4000 };
    return load->brief_ops < FEW ? load->brief_ops : FEW;
}

/* --- what each promises --- */

static void test_described(const struct workload *load) {
    OK(load->abi == WORKLOAD_ABI && *load->name && *load->group && *load->summary &&
           load->stresses && *load->stresses,
       "%s: says its group, what it does and what it stresses", load->name);
    OK(load->ops && load->quick_ops && load->brief_ops, "%s: has its numbers of operations",
       load->name);
    OK(!load->most_threads || load->least_threads <= load->most_threads,
       "%s: some number of threads is right", load->name);
}

static size_t usual_allocations;
static size_t usual_most_live;

static void test_good(const struct workload *load) {
    const unsigned n           = threads_of(load);
    const uint64_t ops         = few_ops(load);
    const struct outcome timed = run(load, &counting, 7, ops, n, false);
    OK(!*timed.failed_check, "%s: a good allocator passes%s%s", load->name,
       *timed.failure ? ": " : "", timed.failure);
    IS(counts.live, 0, "%s: everything is freed", load->name);
    IS(counts.outside, 0, "%s: sizes are within the announced bounds", load->name);
    IS(timed.live_at_inspection, timed.live_blocks, "%s: the live set is what is not freed",
       load->name);
    usual_allocations            = counts.allocated;
    usual_most_live              = counts.most_live;
    const struct outcome checked = run(load, &counting, 7, ops, n, true);
    OK(!*checked.failed_check, "%s: it passes, verified%s%s", load->name,
       *checked.failure ? ": " : "", checked.failure);
    IS(counts.live, 0, "%s: verified, everything is freed", load->name);
    IS(checked.digest, timed.digest, "%s: the verifying pass makes the same requests", load->name);
    IS(checked.live_bytes, timed.live_bytes, "%s: and leaves the same live bytes", load->name);
}

static void test_digest(const struct workload *load) {
    const unsigned n   = threads_of(load);
    const uint64_t ops = few_ops(load), digest = run(load, &counting, 7, ops, n, false).digest;
    OK(digest != 0, "%s: has a digest", load->name);
    IS(run(load, &counting, 7, ops, n, false).digest, digest, "%s: the same each time", load->name);
    OK(run(load, &counting, 8, ops, n, false).digest != digest, "%s: another seed, another digest",
       load->name);
    OK(run(load, &counting, 7, ops - 1, n, false).digest != digest,
       "%s: the digest covers each timed operation", load->name);
}

/* Any number of threads that it takes, and fewer operations than there are threads. */
static void test_threads(const struct workload *load) {
    const unsigned least = load->least_threads ? load->least_threads : 1;
    for (unsigned n = least; n <= 5 && (!load->most_threads || n <= load->most_threads); n++) {
        const struct outcome some = run(load, &counting, 3, few_ops(load) / 4 + n, n, true);
        OK(!*some.failed_check && counts.live == 0, "%s: at %u threads all is well%s%s", load->name,
           n, *some.failure ? ": " : "", some.failure);
        const struct outcome one = run(load, &counting, 3, 1, n, false);
        OK(!*one.failed_check && counts.live == 0, "%s: and so with one operation", load->name);
    }
}

/* --- allocators with a fault, each found by the check of its name --- */

static size_t fault_at;

static bool is_fault(void) {
    return atomic_fetch_add(&counts.allocated, 1) == fault_at;
}

static void *null_malloc(size_t size) {
    return is_fault() ? NULL : malloc(size);
}

static void *odd_malloc(size_t size) {
    char *block = malloc(size + 1);
    return is_fault() && size > 1 ? block + 1 : block;
}

/* Blocks of broken allocators are not given back: who knows what they are. */
static void lose(void *block) {
    (void)block;
}

/* Gives the block of the malloc before once more. */
static void *same_malloc(size_t size) {
    static _Thread_local void *before;
    (void)size;
    if (!is_fault() || !before)
        before = malloc(crew.load->max_bytes);
    return before;
}

static void test_fault(const struct workload *load, void *(*faulty)(size_t), const char *check,
                       const char *what) {
    struct allocator a = counting;
    a.malloc           = faulty;
    a.free             = lose;
    a.usable_size      = NULL; /* glibc does not take an odd address */
    /* Late enough that all threads are at work, where two neighbours are of one thread. */
    fault_at             = usual_allocations / 2 + 1;
    struct outcome found = {.failed_check = ""};
    for (unsigned tries = 0; tries < 8 && !*found.failed_check; tries++, fault_at++)
        found = run(load, &a, 7, few_ops(load), threads_of(load), true);
    IS(strcmp(found.failed_check, check), 0, "%s: %s is found (%s)", load->name, what,
       found.failed_check);
}

static void test_faults(const struct workload *load) {
    if (load->needs & (NEEDS_CALLOC | NEEDS_REALLOC | NEEDS_ALIGNED_ALLOC | NEEDS_POSIX_MEMALIGN |
                       NEEDS_MEMALIGN)) {
        tap_skip(load->name, "the faults are of malloc, and it calls other functions, too");
        return;
    }
    test_fault(load, null_malloc, "null", "NULL");
    test_fault(load, odd_malloc, "alignment", "an odd address");
    if (usual_most_live <= threads_of(load))
        tap_skip(load->name, "a thread never has two blocks, which could overlap");
    else
        test_fault(load, same_malloc, "contents", "a block that has two owners");
}

int main(void) {
    for (size_t i = 0; i < WORKLOADS; i++) {
        const struct workload *load = workloads[i];
        alarm(HANG_SECONDS); /* one that hangs with a faulty allocator ends here, by a signal */
        test_described(load);
        if (load->traits & WORKLOAD_REPLACES)
            continue;
        if (load->lacks && load->lacks(&counting)) {
            tap_skip(load->name, "what it calls is of no allocator here");
            continue;
        }
        if ((load->max_bytes > LARGE || load->memory_bytes > HEAVY) && tap_slow(load->name))
            continue;
        test_good(load);
        test_digest(load);
        test_threads(load);
        test_faults(load);
    }
    return tap_done();
}
