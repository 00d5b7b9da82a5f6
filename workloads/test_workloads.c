/* The request streams of all workloads, through an allocator that notes what it is asked for. */
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

enum { OPS = 40000, MAX_SEEN = 4 * OPS };

/* Every block is the same memory: only sizes and counts are looked at. */
static struct {
    size_t size[MAX_SEEN];
    size_t mallocs, frees;
    size_t most_live;
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

struct outcome {
    uint64_t digest, live_bytes, live_blocks;
    const char *failed_check;
};

/* All threads' shares, one after the other, in this thread. */
static struct outcome run(const struct workload *load, uint64_t seed, unsigned threads,
                          const struct allocator *served_by, bool verify) {
    struct outcome sum = {.failed_check = ""};
    memset(&seen, 0, sizeof seen);
    for (unsigned t = 0; t < threads; t++) {
        struct worker w = {.allocator    = served_by,
                           .seed         = seed,
                           .first_op     = OPS / threads * t,
                           .ops          = OPS / threads,
                           .thread       = t,
                           .slots        = 64 / threads,
                           .failed_check = ""};
        w.memory        = calloc(1, load->memory_bytes(w.slots));
        verify ? load->verify(&w) : load->run(&w);
        load->inspect(&w, verify);
        if (!*w.failed_check)
            load->drain(&w);
        free(w.memory);
        sum.digest += w.digest;
        sum.live_bytes += w.live_bytes;
        sum.live_blocks += w.live_blocks;
        if (*w.failed_check)
            sum.failed_check = w.failed_check;
    }
    return sum;
}

static void test_stream(const struct workload *load) {
    const struct outcome one = run(load, 7, 1, &noting, false);
    size_t outside = 0, live = 0;
    for (size_t i = 0; i < seen.mallocs; i++)
        outside += seen.size[i] < load->min_bytes || seen.size[i] > load->max_bytes;
    IS(seen.mallocs, OPS, "%s: as many mallocs as operations", load->name);
    IS(seen.frees, OPS, "%s: everything is freed", load->name);
    IS(seen.most_live, 64, "%s: the live set is bounded", load->name);
    IS(outside, 0, "%s: sizes are within the announced bounds", load->name);
    IS(one.live_blocks, 64, "%s: the live set is full at the end", load->name);

    static size_t first[OPS];
    memcpy(first, seen.size, sizeof first);
    const struct outcome two = run(load, 7, 4, &noting, false);
    for (size_t i = 0; i < OPS; i++)
        live += first[i] != seen.size[i];
    IS(live, 0, "%s: the same requests at 4 threads as at 1", load->name);
    IS(one.digest, two.digest, "%s: and the same digest", load->name);

    const struct outcome other = run(load, 8, 1, &noting, false);
    OK(one.digest != other.digest, "%s: another seed, another digest", load->name);
    OK(memcmp(first, seen.size, sizeof first) != 0, "%s: and other requests", load->name);
}

static uint64_t digest_of(const struct workload *load, uint64_t seed, uint64_t ops) {
    struct worker w = {
        .allocator = &noting, .seed = seed, .ops = ops, .slots = 8, .failed_check = ""};
    w.memory = calloc(1, load->memory_bytes(w.slots));
    memset(&seen, 0, sizeof seen);
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
       "%s: the digest covers each operation", load->name);
}

static const struct allocator good = {
    .abi = ALLOCATOR_ABI, .malloc = malloc, .free = free, .usable_size = malloc_usable_size};

static void test_verify(const struct workload *load) {
    const struct outcome timed   = run(load, 7, 2, &good, false),
                         checked = run(load, 7, 2, &good, true);
    OK(!*timed.failed_check && !*checked.failed_check, "%s: a good allocator passes", load->name);
    IS(timed.digest, checked.digest, "%s: the verifying pass makes the same requests", load->name);
    IS(timed.live_bytes, checked.live_bytes, "%s: and leaves the same live bytes", load->name);
    struct allocator overlapping = noting;
    overlapping.flags            = 0;
    CONTAINS(run(load, 7, 1, &overlapping, true).failed_check, "contents",
             "%s: overlapping blocks are found when verifying", load->name);
    CONTAINS(run(load, 7, 1, &overlapping, false).failed_check, "contents",
             "%s: and, while they live, after a timed run", load->name);
}

/* Share of the requests up to `bound` bytes. */
static double share(const struct workload *load, size_t bound) {
    size_t count = 0;
    run(load, 7, 1, &noting, false);
    for (size_t i = 0; i < OPS; i++)
        count += seen.size[i] <= bound;
    return (double)count / OPS;
}

/* The distributions that the files document; 5 standard deviations of a share of 40000 draws are at
 * most 0.0125. */
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
            OK(fabs(share(w, 256 << 10) - 3.0 / 7) < 0.0125,
               "large: log-uniform: 3 of the 7 octaves up to 256 KiB");
    }
}

int main(void) {
    for (size_t i = 0; i < WORKLOADS; i++) {
        memory = calloc(1, workloads[i]->max_bytes);
        test_stream(workloads[i]);
        test_digest(workloads[i]);
        test_verify(workloads[i]);
        free(memory);
    }
    memory = calloc(1, 4 << 20);
    test_distributions();
    free(memory);
    return tap_done();
}
