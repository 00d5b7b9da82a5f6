/* All workloads of other schemes than random replacement, run by real threads. The digest is a pure
 * function of what is asked for, and every block is freed. An allocator with a fault is found, and
 * nothing hangs. */
#include "tap.h"
#include "test_crew.h"

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

enum { HANG_SECONDS = 200, LARGE = 4 << 20 };
enum { HEAVY = 256 << 10 }; /* bytes of a worker's books: as long takes its warm-up */

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

/* Runs a sample by real threads, and counts anew. */
static struct outcome run(const struct workload *load, const struct allocator *a, uint64_t seed,
                          uint64_t ops, unsigned threads, bool verify) {
    counts.live = counts.most_live = counts.outside = counts.allocated = 0;
    crew.live                                                          = &counts.live;
    return crew_run(load, a, seed, ops, threads, verify);
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
    const unsigned n           = crew_threads(load);
    const uint64_t ops         = crew_few_ops(load);
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
    const unsigned n   = crew_threads(load);
    const uint64_t ops = crew_few_ops(load), digest = run(load, &counting, 7, ops, n, false).digest;
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
        const struct outcome some = run(load, &counting, 3, crew_few_ops(load) / 4 + n, n, true);
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

/* In front of each block of an allocator with a fault: how often it was given, and not freed, and
 * the block that was made before it. */
struct owners {
    _Alignas(16) struct owners *before;
    atomic_int count;
};

static atomic_size_t freed_twice;
static _Atomic(struct owners *) owned;
static unsigned runs; /* whose blocks are given back */

static void *owned_malloc(size_t size) {
    struct owners *o = malloc(sizeof *o + size + 1);
    if (!o)
        abort();
    o->count  = 1;
    o->before = atomic_load(&owned);
    while (!atomic_compare_exchange_weak(&owned, &o->before, o))
        continue;
    return o + 1;
}

static void *null_malloc(size_t size) {
    return is_fault() ? NULL : owned_malloc(size);
}

static void *odd_malloc(size_t size) {
    char *block = owned_malloc(size);
    return is_fault() && size > 1 ? block + 1 : block;
}

/* Blocks of broken allocators are not given back, for who knows what they are, before all threads
 * are through. */
static void give_back_all(void) {
    for (struct owners *o = atomic_exchange(&owned, NULL), *before; o; o = before) {
        before = o->before;
        free(o);
    }
    runs++;
}

static void lose(void *block) {
    char *aligned    = (char *)block - (uintptr_t)block % _Alignof(struct owners);
    struct owners *o = (struct owners *)(void *)aligned - 1;
    if (block && atomic_fetch_sub(&o->count, 1) <= 0)
        atomic_fetch_add(&freed_twice, 1);
}

/* Gives the block of the malloc before once more. */
static void *same_malloc(size_t size) {
    static _Thread_local void *before;
    static _Thread_local unsigned of_run;
    before = of_run == runs ? before : NULL;
    of_run = runs;
    (void)size;
    if (!is_fault() || !before)
        before = owned_malloc(crew.load->max_bytes);
    else
        atomic_fetch_add(&((struct owners *)before)[-1].count, 1);
    return before;
}

static void test_fault_at(const struct workload *load, unsigned threads, size_t at,
                          void *(*faulty)(size_t), const char *check, const char *what) {
    struct allocator a   = counting;
    a.malloc             = faulty;
    a.free               = lose;
    a.usable_size        = NULL; /* glibc does not take an odd address */
    fault_at             = at;
    struct outcome found = {.failed_check = ""};
    freed_twice          = 0;
    for (unsigned tries = 0; tries < 8 && !*found.failed_check; tries++, fault_at++) {
        found = run(load, &a, 7, crew_few_ops(load), threads, true);
        give_back_all();
    }
    fault_at = at;                   /* the timed pass may find it, too */
    if (load->memory_bytes <= HEAVY) /* in others there is no reading of what others sent */
        run(load, &a, 7, crew_few_ops(load), threads, false);
    give_back_all();
    IS(freed_twice, 0, "%s: %s: what was freed before it was found is not freed once more",
       load->name, what);
    IS(strcmp(found.failed_check, check), 0, "%s: %s is found (%s)", load->name, what,
       found.failed_check);
}

/* Late enough that all threads are at work, where two neighbours are of one thread. */
static void test_fault(const struct workload *load, void *(*faulty)(size_t), const char *check,
                       const char *what) {
    test_fault_at(load, crew_threads(load), usual_allocations / 2 + 1, faulty, check, what);
}

static void test_faults(const struct workload *load) {
    if (load->needs & (NEEDS_CALLOC | NEEDS_REALLOC | NEEDS_ALIGNED_ALLOC | NEEDS_POSIX_MEMALIGN |
                       NEEDS_MEMALIGN)) {
        tap_skip(load->name, "the faults are of malloc, and it calls other functions, too");
        return;
    }
    test_fault(load, null_malloc, "null", "NULL");
    test_fault(load, odd_malloc, "alignment", "an odd address");
    if (usual_most_live <= crew_threads(load))
        tap_skip(load->name, "a thread never has two blocks, which could overlap");
    else
        test_fault(load, same_malloc, "contents", "a block that has two owners");
    /* A thread that sends to itself finds it after its last operation, when it empties its box. */
    if (load == &workload_hand_over_all)
        test_fault_at(load, 1, usual_allocations - 2, same_malloc, "contents",
                      "a block of two owners among the last");
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
