/* The workload that takes sizes asks for these, and for no others. */
#include "tap.h"
#include "workload.h"

#include <stdlib.h>

extern const struct workload workload_sizes;

static size_t least_seen, most_seen, blocks;

static void *note_malloc(size_t size) {
    least_seen = size < least_seen ? size : least_seen;
    most_seen  = size > most_seen ? size : most_seen;
    blocks++;
    return malloc(size);
}

static void note_free(void *block) {
    blocks--;
    free(block);
}

/* Of one thread of the workload with these sizes: the digest of its requests. */
static uint64_t digest_with(const struct sizes *given, bool verify) {
    static const struct allocator noting = {
        .abi = ALLOCATOR_ABI, .malloc = note_malloc, .free = note_free};
    const struct workload *load = &workload_sizes;
    struct worker w             = {.allocator    = &noting,
                                   .seed         = 5,
                                   .ops          = 2000,
                                   .total_ops    = 2000,
                                   .threads      = 1,
                                   .sizes        = given,
                                   .memory       = calloc(1, load->memory_bytes),
                                   .failed_check = ""};
    least_seen                  = SIZE_MAX;
    most_seen = blocks = 0;
    load->warm_up(&w, verify);
    (verify ? load->verify : load->run)(&w);
    load->inspect(&w, verify);
    OK(!*w.failed_check, "the workload takes them%s%s", *w.failure ? ": " : "", w.failure);
    IS(w.live_blocks, sizes_blocks(given), "it holds as many blocks as it should");
    load->drain(&w);
    IS(blocks, 0, "and frees them");
    free(w.memory);
    return w.digest;
}

static void test_workload(void) {
    static struct sizes sizes = {
        .count  = 2,
        .mean   = 2515,
        .digest = 7,
        .range  = {{20, 40, UINT32_MAX, 0}, {5000, 5000, UINT32_MAX, 1}},
    };
    const uint64_t digest = digest_with(&sizes, false);
    IS(least_seen, 20, "the least of the sizes is asked for");
    IS(most_seen, 5000, "and the largest");
    OK(digest == digest_with(&sizes, true), "the verifying pass makes the same requests");
    sizes.digest++;
    OK(digest != digest_with(&sizes, false),
       "the digest is of the distribution, also of what is not drawn");
}

int main(void) {
    OK(workload_sizes.takes_sizes, "there is a workload that takes sizes");
    test_workload();
    return tap_done();
}
