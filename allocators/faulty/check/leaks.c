/* Nothing that is freed is ever used again.
 * caught-by: check
 *   memory.reuse_malloc memory.reuse_calloc memory.reuse_aligned_alloc memory.reuse_posix_memalign
 *     memory.reuse_free_sized memory.reuse_free_aligned_sized
 *     memory.reuse_realloc at churn_size "rounds of"
 *   memory.addresses at addresses "MiB more are mapped"
 *   memory.reuse_threads at reuse_threads "%zu threads that freed all left %zu MiB resident"
 *   memory.returned at returned "of %zu KiB, %zu KiB stayed resident"
 *   memory.phases at phases "MiB of live blocks"
 *   realloc.in_place at in_place "realloc from"
 *   realloc.gives_back at gives_back "%zu MiB were resident, %zu MiB are"
 *   plugin.without_growth at bounded "KiB more are resident"
 *   costs.doubling at doubling "%zu MiB were resident at the peak"
 *   costs.idle_threads at idle_threads "KiB of %d after malloc_trim" */
#include "family.h"

static void lose(void *block) {
    (void)block;
}

static void lose_sized(void *block, size_t size) {
    (void)block;
    (void)size;
}

static void lose_aligned(void *block, size_t alignment, size_t size) {
    (void)block;
    (void)alignment;
    (void)size;
}

static void *leaking_realloc(void *old, size_t size) {
    const size_t had = old ? malloc_usable_size(old) : 0;
    void *block      = malloc(size);
    if (block && had)
        memcpy(block, old, had < size ? had : size);
    return block;
}

FAULTY_FAMILY(.free = lose, .free_sized = lose_sized, .free_aligned_sized = lose_aligned,
              .realloc = leaking_realloc);
