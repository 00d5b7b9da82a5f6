/* The request streams of all workloads of random replacement (replace.h), through an allocator that
 * notes what it is asked for. */
#include "tap.h"
#include "workload.h"

#include <math.h>
#include <stdlib.h>

#define W(name) extern const struct workload workload_##name;
#include "workloads.inc"
#undef W
#define W(name) &workload_##name,
static const struct workload *const workloads[] = {
#include "workloads.inc"
};
#undef W
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

enum { OPS = 40000, THREADS = 4, MAX_SEEN = 4 << 20 };

/* Every block is the same memory: only sizes and counts are looked at. */
static struct {
    size_t mallocs, frees;
    size_t most_live;
    size_t size[MAX_SEEN];
} seen;
static void *memory;

static void *note_malloc(size_t size) {
    seen.size[seen.mallocs++] = size;
    if (seen.mallocs - seen.frees > seen.most_live)
        seen.most_live = seen.mallocs - seen.frees;
    return memory;
}

static void note_free(void *block) {
    seen.frees += block == memory;
}

static const struct allocator noting = {
    .abi = ALLOCATOR_ABI, .flags = ALLOCATOR_FLOOR, .malloc = note_malloc, .free = note_free};

static uint64_t run_ops = OPS; /* timed operations of `run` */

struct outcome {
    uint64_t digest, live_bytes, live_blocks;
    const char *failed_check;
};

/* All threads' shares, one after the other, in this thread: first all warm-ups, then all timed
 * operations. `warm` gets the number of mallocs of the warm-ups. */
static struct outcome run(const struct workload *load, uint64_t seed, unsigned threads,
                          const struct allocator *served_by, bool verify, size_t *warm) {
    struct worker worker[THREADS];
    struct outcome sum = {.failed_check = ""};
    seen.mallocs = seen.frees = seen.most_live = 0;
    for (unsigned t = 0; t < threads; t++) {
        worker[t] = (struct worker){.allocator    = served_by,
                                    .seed         = seed,
                                    .first_op     = run_ops / threads * t,
                                    .ops          = run_ops / threads,
                                    .thread       = t,
                                    .memory       = calloc(1, load->memory_bytes),
                                    .failed_check = ""};
        load->warm_up(&worker[t], verify);
    }
    if (warm)
        *warm = seen.mallocs;
    for (unsigned t = 0; t < threads; t++) {
        struct worker *w = &worker[t];
        if (!*w->failed_check && verify)
            load->verify(w);
        else if (!verify)
            load->run(w);
        load->inspect(w, verify);
        if (!*w->failed_check)
            load->drain(w);
        free(w->memory);
        sum.digest += w->digest;
        sum.live_bytes += w->live_bytes;
        sum.live_blocks += w->live_blocks;
        if (*w->failed_check)
            sum.failed_check = w->failed_check;
    }
    return sum;
}

static void test_stream(const struct workload *load) {
    size_t warm, outside = 0, other_size = 0;
    const struct outcome one = run(load, 7, 1, &noting, false, &warm);
    for (size_t i = 0; i < seen.mallocs; i++)
        outside += seen.size[i] < load->min_bytes || seen.size[i] > load->max_bytes;
    OK(warm >= load->live_blocks, "%s: the warm-up builds the live set", load->name);
    IS(seen.mallocs - warm, OPS, "%s: as many mallocs as timed operations", load->name);
    IS(seen.frees, seen.mallocs, "%s: everything is freed", load->name);
    IS(seen.most_live, load->live_blocks, "%s: the live set is bounded", load->name);
    IS(outside, 0, "%s: sizes are within the announced bounds", load->name);
    IS(one.live_blocks, load->live_blocks, "%s: the live set is full at the end", load->name);

    static size_t timed[OPS];
    memcpy(timed, seen.size + warm, sizeof timed);
    const struct outcome many = run(load, 7, THREADS, &noting, false, &warm);
    for (size_t i = 0; i < OPS; i++)
        other_size += timed[i] != seen.size[warm + i];
    IS(other_size, 0, "%s: the same timed requests at %d threads as at 1", load->name, THREADS);
    IS(many.live_blocks, THREADS * load->live_blocks, "%s: each thread has a live set", load->name);
    OK(memcmp(seen.size, seen.size + warm / THREADS, warm / THREADS) != 0,
       "%s: and a warm-up of its own", load->name);

    const struct outcome other = run(load, 8, 1, &noting, false, &warm);
    OK(one.digest != other.digest, "%s: another seed, another digest", load->name);
    OK(memcmp(timed, seen.size + warm, sizeof timed) != 0, "%s: and other requests", load->name);
}

static uint64_t digest_of(const struct workload *load, uint64_t seed, uint64_t ops) {
    struct worker w = {.allocator    = &noting,
                       .seed         = seed,
                       .ops          = ops,
                       .memory       = calloc(1, load->memory_bytes),
                       .failed_check = ""};
    seen.mallocs = seen.frees = 0;
    load->run(&w);
    free(w.memory);
    return w.digest;
}

/* The digest covers each operation, and more of it than its size. */
static void test_digest(const struct workload *load) {
    enum { SEEDS = 200 };
    uint64_t digest[SEEDS];
    size_t size[SEEDS], alike = 0, confused = 0;
    for (size_t i = 0; i < SEEDS; i++) {
        digest[i] = digest_of(load, i, 1);
        size[i]   = seen.size[0];
        for (size_t j = 0; j < i; j++) {
            alike += size[i] == size[j];
            confused += digest[i] == digest[j];
        }
    }
    IS(confused, 0, "%s: single operations have digests of their own", load->name);
    if (load->max_bytes <= 32 << 10)
        OK(alike > 0, "%s: also those of one size", load->name);
    OK(digest_of(load, 7, 100) != digest_of(load, 7, 99) && digest_of(load, 7, 1) != 0,
       "%s: the digest covers each timed operation", load->name);
    OK(run(load, 7, 1, &noting, false, NULL).digest != digest_of(load, 7, OPS),
       "%s: and the warm-up", load->name);
}

/* A warm-up and the inspection, verified: the name of the check that fails. */
static const char *run_short(const struct workload *load, const struct allocator *served_by) {
    struct worker w = {.allocator    = served_by,
                       .seed         = 7,
                       .memory       = calloc(1, load->memory_bytes),
                       .failed_check = ""};
    load->warm_up(&w, true);
    if (!*w.failed_check)
        load->inspect(&w, true);
    if (!*w.failed_check)
        load->drain(&w);
    free(w.memory); /* the blocks of a heap that is broken stay */
    return w.failed_check;
}

static const struct allocator good = {
    .abi = ALLOCATOR_ABI, .malloc = malloc, .free = free, .usable_size = malloc_usable_size};

/* As many operations as make sense where every byte of every block is written and compared. */
static uint64_t few_ops(const struct workload *load) {
    return load->quick_ops < OPS ? load->quick_ops : OPS;
}

static void test_verify(const struct workload *load) {
    run_ops                      = few_ops(load);
    const struct outcome timed   = run(load, 7, 2, &good, false, NULL),
                         checked = run(load, 7, 2, &good, true, NULL);
    OK(!*timed.failed_check && !*checked.failed_check, "%s: a good allocator passes", load->name);
    IS(timed.digest, checked.digest, "%s: the verifying pass makes the same requests", load->name);
    IS(timed.live_bytes, checked.live_bytes, "%s: and leaves the same live bytes", load->name);
    struct allocator overlapping = noting;
    overlapping.flags            = 0;
    CONTAINS(run(load, 7, 1, &overlapping, true, NULL).failed_check, "contents",
             "%s: overlapping blocks are found when verifying", load->name);
    CONTAINS(run(load, 7, 1, &overlapping, false, NULL).failed_check, "contents",
             "%s: and, while they live, after a timed run", load->name);
    run_ops = OPS;
}

/* --- allocators with one fault, each found by the check of its name --- */

static size_t fault_after; /* so many mallocs are good */
static double fault_at;    /* where in a block, from 0 to 1 */
static unsigned char *fault_victim;
static size_t fault_victim_size;

/* Flips a bit of the block before, which is alive. */
static void *flipping_malloc(size_t size) {
    if (fault_after-- == 0)
        fault_victim[(size_t)(fault_at * (double)(fault_victim_size - 1))] ^= 0x10;
    fault_victim_size   = size;
    return fault_victim = malloc(size);
}

static void *odd_malloc(size_t size) {
    char *block = malloc(size + 1);
    return fault_after-- == 0 && size > 1 ? block + 1 : block;
}

static void odd_free(void *block) {
    if ((uintptr_t)block % _Alignof(max_align_t) == 0)
        free(block);
}

static void *no_malloc(size_t size) {
    return fault_after-- == 0 ? NULL : malloc(size);
}

static size_t short_usable_size(void *block) {
    return fault_after-- == 0 ? 0 : malloc_usable_size(block);
}

/* In the warm-up, and at the end of it, where the timed part meets the block or the inspection. */
static void test_faults(const struct workload *load) {
    struct allocator a     = {.abi = ALLOCATOR_ABI, .malloc = flipping_malloc, .free = free};
    const size_t late      = load->live_blocks < 20 ? load->live_blocks : 20;
    const double places[]  = {0, 0.3, 0.5, 0.8, 1};
    const size_t moments[] = {1, load->live_blocks / 2, load->live_blocks + 7};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (i && load->traits & WORKLOAD_FIRST_PAGE)
            break; /* what is not written cannot be compared */
        size_t missed = 0;
        for (size_t m = 0; m < sizeof moments / sizeof *moments; m++) {
            fault_at    = places[i];
            fault_after = moments[m];
            missed += strcmp(run_short(load, &a), "contents") != 0;
        }
        IS(missed, 0, "%s: a bit that changes is found, at %.1f of a block", load->name, places[i]);
    }
    fault_after = late;
    a.malloc    = odd_malloc;
    a.free      = odd_free;
    CONTAINS(run_short(load, &a), "alignment", "%s: an odd address is found", load->name);
    fault_after = late;
    a.malloc    = no_malloc;
    a.free      = free;
    CONTAINS(run_short(load, &a), "null", "%s: so is NULL", load->name);
    fault_after   = late;
    a.malloc      = malloc;
    a.usable_size = short_usable_size;
    CONTAINS(run_short(load, &a), "usable-size", "%s: and a usable size of 0", load->name);
}

/* --- an allocator that keeps its own books of what is alive, and whose --- */

enum { SHADOW_THREADS = 2 };

/* In front of each block. */
struct shadow_block {
    size_t number; /* of its malloc, by this thread */
    size_t size;
    unsigned thread;
    bool alive;
};
enum { SHADOW_HEAD = 32 }; /* keeps the alignment */
_Static_assert(sizeof(struct shadow_block) <= SHADOW_HEAD, "it fits");

static struct {
    unsigned thread;  /* that runs at the moment */
    size_t strangers; /* frees of another thread's block, or of one that is not alive */
    struct {
        size_t mallocs, live_bytes, live_blocks;
        size_t steps;         /* mallocs and frees of the timed part */
        size_t step[3 * OPS]; /* a malloc: its size; a free: ~ the age of the block, in mallocs */
    } of[SHADOW_THREADS];
} shadow;

static void *shadow_malloc(size_t size) {
    struct shadow_block *b = malloc(SHADOW_HEAD + size);
    const unsigned t       = shadow.thread;
    *b                     = (struct shadow_block){shadow.of[t].mallocs++, size, t, true};
    shadow.of[t].live_bytes += size;
    shadow.of[t].live_blocks++;
    if (shadow.of[t].steps < 3 * OPS)
        shadow.of[t].step[shadow.of[t].steps++] = size;
    return (char *)b + SHADOW_HEAD;
}

static void shadow_free(void *block) {
    struct shadow_block *b = (struct shadow_block *)((char *)block - SHADOW_HEAD);
    const unsigned t       = shadow.thread;
    if (b->thread != t || !b->alive) {
        shadow.strangers++;
        return;
    }
    b->alive = false;
    shadow.of[t].live_bytes -= b->size;
    shadow.of[t].live_blocks--;
    if (shadow.of[t].steps < 3 * OPS)
        shadow.of[t].step[shadow.of[t].steps++] = ~(shadow.of[t].mallocs - b->number);
    free(b);
}

static const struct allocator shadowed = {
    .abi = ALLOCATOR_ABI, .malloc = shadow_malloc, .free = shadow_free};

/* The workload by two threads that take turns call by call; in `shadow`, the steps of their timed
 * parts. Says what differs between the workers' accounts and the shadow's. */
static void run_shadowed(const struct workload *load, uint64_t seed, bool verify) {
    struct worker worker[SHADOW_THREADS];
    memset(&shadow, 0, sizeof shadow);
    for (unsigned t = 0; t < SHADOW_THREADS; t++) {
        worker[t]     = (struct worker){.allocator    = &shadowed,
                                        .seed         = seed,
                                        .first_op     = few_ops(load) / SHADOW_THREADS * t,
                                        .ops          = few_ops(load) / SHADOW_THREADS,
                                        .thread       = t,
                                        .memory       = calloc(1, load->memory_bytes),
                                        .failed_check = ""};
        shadow.thread = t;
        load->warm_up(&worker[t], verify);
        shadow.of[t].steps = 0;
    }
    for (unsigned t = 0; t < SHADOW_THREADS; t++) {
        shadow.thread = t;
        (verify ? load->verify : load->run)(&worker[t]);
    }
    size_t wrong = 0;
    for (unsigned t = 0; t < SHADOW_THREADS; t++) {
        const size_t steps = shadow.of[t].steps;
        shadow.thread      = t;
        load->inspect(&worker[t], verify);
        wrong += worker[t].live_bytes != shadow.of[t].live_bytes;
        wrong += worker[t].live_blocks != shadow.of[t].live_blocks;
        wrong += *worker[t].failed_check != '\0';
        load->drain(&worker[t]);
        wrong += shadow.of[t].live_blocks != 0 || shadow.of[t].live_bytes != 0;
        shadow.of[t].steps = steps;
        free(worker[t].memory);
    }
    IS(wrong, 0, "%s: each thread's live set is what is alive of its own mallocs, to the byte%s",
       load->name, verify ? ", verifying" : "");
    IS(shadow.strangers, 0, "%s: each block is freed once, by its own thread", load->name);
}

/* Random replacement: with n slots, the chance that a block lives through x operations is
 * (1 - 1/n)^x, whatever its age. Of the blocks that die, 1 - e^-1/2 are younger than n/2 operations
 * and e^-1 are older than n. (First in, first out, and any fixed order, has all at n.) Holds while
 * each slot was filled at least n operations ago. */
static void test_ages(const struct workload *load) {
    const double n = load->live_blocks;
    double young = 0, old = 0, deaths = 0;
    for (unsigned t = 0; t < SHADOW_THREADS; t++)
        for (size_t i = 0; i < shadow.of[t].steps; i++) {
            const size_t age = ~shadow.of[t].step[i];
            if (shadow.of[t].step[i] < SIZE_MAX / 2)
                continue;
            deaths++;
            young += (double)age <= n / 2;
            old += (double)age > n;
        }
    IS((long long)deaths, few_ops(load), "%s: each timed operation frees a block", load->name);
    const double bound = 5 * sqrt(0.25 / deaths); /* standard deviations of a share */
    OK(fabs(young / deaths - (1 - exp(-0.5))) < bound && fabs(old / deaths - exp(-1)) < bound,
       "%s: the blocks that die are of all ages: %.3f young, %.3f old", load->name, young / deaths,
       old / deaths);
}

static void test_shadowed(const struct workload *load) {
    static size_t step[SHADOW_THREADS][3 * OPS];
    size_t other = 0;
    run_shadowed(load, 7, false);
    if (load->live_blocks > 1)
        test_ages(load);
    for (unsigned t = 0; t < SHADOW_THREADS; t++)
        memcpy(step[t], shadow.of[t].step, sizeof step[t]);
    run_shadowed(load, 7, true);
    for (unsigned t = 0; t < SHADOW_THREADS; t++)
        other += memcmp(step[t], shadow.of[t].step, sizeof step[t]) != 0;
    IS(other, 0, "%s: the verifying pass makes the same mallocs and frees, in the same order",
       load->name);
}

/* --- streams of neighbouring seeds, threads and purposes have nothing in common --- */

/* The logarithms of some sizes, for a few very big ones must not decide. */
struct stream {
    double log[OPS];
    double mean, deviation;
};

static void take_stream(struct stream *s, const size_t *sizes) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < OPS; i++) {
        s->log[i] = log((double)sizes[i]);
        sum += s->log[i];
        squares += s->log[i] * s->log[i];
    }
    s->mean      = sum / OPS;
    s->deviation = sqrt(squares / OPS - s->mean * s->mean);
}

/* Two streams differ in 9 of 10 places, and the correlation of their logarithms is as small as
 * chance makes it, also where one is shifted against the other. (Of so many independent pairs it
 * has a standard deviation of 1 / sqrt(pairs); six of them are let pass.) */
static bool independent(const struct stream *a, const struct stream *b) {
    enum { SHIFTS = 2, PAIRS = OPS - 2 * SHIFTS };
    for (int shift = -SHIFTS; shift <= SHIFTS; shift++) {
        const double *x = a->log + SHIFTS, *y = b->log + SHIFTS + shift;
        double sum = 0, differ = 0;
        for (size_t i = 0; i < PAIRS; i++) {
            differ += x[i] != y[i];
            sum += (x[i] - a->mean) * (y[i] - b->mean);
        }
        const double correlation = sum / PAIRS / (a->deviation * b->deviation);
        if (differ / PAIRS < 0.9 || fabs(correlation) > 6 / sqrt(PAIRS)) {
            printf("# shifted by %d: %.1f %% differ, correlation %.3f\n", shift,
                   100 * differ / PAIRS, correlation);
            return false;
        }
    }
    return true;
}

static size_t dependent_pairs(const struct stream *streams, size_t count) {
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            pairs += !independent(&streams[i], &streams[j]);
    return pairs;
}

static void test_streams(const struct workload *load) {
    enum { SEEDS = 5 };
    static struct stream of_seed[SEEDS], of_part[THREADS + 1];
    size_t warm;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run(load, seed, 1, &noting, false, &warm);
        take_stream(&of_seed[seed], seen.size + warm);
    }
    IS(dependent_pairs(of_seed, SEEDS), 0, "%s: neighbouring seeds have independent requests",
       load->name);
    run(load, 1, THREADS, &noting, false, &warm);
    if (warm / THREADS < OPS) {
        tap_skip("streams of threads, warming up", "too short to compare");
        return;
    }
    for (size_t t = 0; t < THREADS; t++)
        take_stream(&of_part[t], seen.size + warm / THREADS * t);
    take_stream(&of_part[THREADS], seen.size + warm);
    IS(dependent_pairs(of_part, THREADS + 1), 0,
       "%s: and so have threads, warming up, and the timed part", load->name);
}

/* --- the live set is as large at every seed, at any time --- */

enum { LIVE_SEEDS = 100, LIVE_MOMENTS = 6 };

/* Live bytes of one thread after its warm-up, and after each of some parts of its timed run. */
static void live_bytes(const struct workload *load, uint64_t seed, double at[LIVE_MOMENTS]) {
    struct worker w = {.allocator    = &noting,
                       .seed         = seed,
                       .memory       = calloc(1, load->memory_bytes),
                       .failed_check = ""};
    seen.mallocs = seen.frees = 0;
    load->warm_up(&w, false);
    for (size_t i = 0; i < LIVE_MOMENTS; i++) {
        const uint64_t before = w.live_bytes;
        load->inspect(&w, false);
        at[i]        = (double)(w.live_bytes - before);
        seen.mallocs = 0;
        w.first_op += w.ops;
        w.ops = few_ops(load) / (LIVE_MOMENTS - 1) + i; /* no whole number of turns */
        if (i + 1 < LIVE_MOMENTS)
            load->run(&w);
    }
    free(w.memory);
}

static void test_live_set(const struct workload *load) {
    static double at[LIVE_SEEDS][LIVE_MOMENTS];
    double sum = 0, least = INFINITY, most = 0;
    for (size_t s = 0; s < LIVE_SEEDS; s++)
        live_bytes(load, s, at[s]);
    for (size_t i = 0; i < LIVE_SEEDS * LIVE_MOMENTS; i++)
        sum += at[i / LIVE_MOMENTS][i % LIVE_MOMENTS];
    const double mean_bytes = sum / (LIVE_SEEDS * LIVE_MOMENTS);
    for (size_t i = 0; i < LIVE_SEEDS * LIVE_MOMENTS; i++) {
        const double share = at[i / LIVE_MOMENTS][i % LIVE_MOMENTS] / mean_bytes;
        least              = fmin(least, share);
        most               = fmax(most, share);
    }
    const double slack = load->live_blocks < 20 ? 0.15 : 0.1; /* few blocks differ more */
    OK(least > 1 - slack && most < 1 + slack,
       "%s: at %d seeds and %d moments the live set is %.3f to %.3f of its mean, %.2f MiB",
       load->name, LIVE_SEEDS, LIVE_MOMENTS, least, most, mean_bytes / 0x1p20);
    if (strcmp(load->name, "large") == 0)
        OK(fabs(mean_bytes / 0x1p20 - 47.6) < 0.3, "large: and that is 47.6 MiB, as documented");
}

/* Share of the timed requests up to `bound` bytes. */
static double share(const struct workload *load, size_t bound) {
    size_t count = 0, warm;
    run(load, 7, 1, &noting, false, &warm);
    for (size_t i = 0; i < OPS; i++)
        count += seen.size[warm + i] <= bound;
    return (double)count / OPS;
}

static double mean(const struct workload *load) {
    double sum = 0;
    size_t warm;
    run(load, 7, 1, &noting, false, &warm);
    for (size_t i = 0; i < OPS; i++)
        sum += (double)seen.size[warm + i];
    return sum / OPS;
}

/* The distributions that the files document; 5 standard deviations of a share of 40000 draws are at
 * most 0.0125, of the mean of large 26 KiB. */
static void test_distributions(void) {
    for (size_t i = 0; i < WORKLOADS; i++) {
        const struct workload *w = workloads[i];
        const bool tiny = strcmp(w->name, "tiny") == 0, small = strcmp(w->name, "small") == 0;
        if (tiny)
            OK(fabs(share(w, 5) - 5.0 / 15) < 0.0125, "tiny: uniform: a third up to 5 bytes");
        else if (small)
            OK(fabs(share(w, 64) - (1 - 16.0 / 65)) < 0.0125 &&
                   fabs(share(w, 1024) - (1 - 16.0 / 1025)) < 0.0125,
               "small: inverse-square: 3/4 up to 64 bytes, 98 %% up to 1 KiB");
        else if (strcmp(w->name, "large") == 0)
            OK(fabs(share(w, 256 << 10) - 3.0 / 7) < 0.0125 &&
                   fabs(mean(w) - 1.5 * 127 / 7 * 32768) < 26 * 1024,
               "large: 3 of the 7 octaves up to 256 KiB, mean 871 KiB");
    }
}

int main(void) {
    for (size_t i = 0; i < WORKLOADS; i++) {
        if (!(workloads[i]->traits & WORKLOAD_REPLACES))
            continue; /* test_families.c has those */
        if (strcmp(workloads[i]->group, WORKLOAD_CORE) != 0 && tap_slow(workloads[i]->name))
            continue;
        memory = calloc(1, workloads[i]->max_bytes);
        test_stream(workloads[i]);
        test_digest(workloads[i]);
        test_verify(workloads[i]);
        test_faults(workloads[i]);
        test_shadowed(workloads[i]);
        test_streams(workloads[i]);
        test_live_set(workloads[i]);
        free(memory);
    }
    memory = calloc(1, 4 << 20);
    test_distributions();
    free(memory);
    return tap_done();
}
