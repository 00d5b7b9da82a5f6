/* The contract of allocators/allocator.h, on the adapter that this is linked with: every slot that
 * it offers does what its standard says for plain use. (Depth is the conformance suite's.) */
#include "identity.h"
#include "tap.h"
#include "usage.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static struct allocator a;

static bool aligned(const void *block, size_t alignment) {
    return (uintptr_t)block % alignment == 0;
}

static bool filled(const unsigned char *block, size_t size, unsigned char with) {
    for (size_t i = 0; i < size; i++)
        if (block[i] != with)
            return false;
    return true;
}

static bool have(const char *slot, bool is_there) {
    if (!is_there)
        tap_skip(slot, "the allocator has no such function");
    return is_there;
}

static const size_t sizes[] = {1, 8, 15, 16, 17, 100, 1024, 4097, 32768, 32769, 1 << 20, 5 << 20};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void test_malloc(void) {
    unsigned char *block[SIZES];
    bool good = true;
    for (size_t i = 0; i < SIZES; i++) {
        good &= (block[i] = a.malloc(sizes[i])) != NULL;
        if (block[i])
            memset(block[i], (int)i + 1, sizes[i]);
    }
    OK(good, "malloc returns memory");
    for (size_t i = 0; good && i < SIZES; i++)
        good &= filled(block[i], sizes[i], (unsigned char)(i + 1));
    OK(good, "which keeps what is written");
    for (size_t i = 0; i < SIZES; i++)
        a.free(block[i]);
}

static void test_calloc(void) {
    bool good = true;
    if (!have("calloc", a.calloc))
        return;
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *dirty = a.malloc(sizes[i]);
        memset(dirty, 0xff, sizes[i]);
        a.free(dirty);
        unsigned char *block = a.calloc(sizes[i], 1);
        good &= block && filled(block, sizes[i], 0);
        a.free(block);
    }
    OK(good, "calloc returns zeroed memory, reused or not");
    unsigned char *product = a.calloc(100, 1000);
    OK(product && filled(product, 100 * 1000, 0) && memset(product, 7, 100 * 1000),
       "calloc multiplies");
    a.free(product);
    OK(!a.calloc(SIZE_MAX / 2, 4), "calloc refuses a product that overflows");
}

static void test_realloc(void) {
    if (!have("realloc", a.realloc))
        return;
    unsigned char *block = a.malloc(1);
    bool good            = true;
    *block               = 7;
    for (size_t i = 1; i < SIZES; i++) {
        block = a.realloc(block, sizes[i]);
        good &= filled(block, sizes[i - 1], 7);
        memset(block, 7, sizes[i]);
    }
    for (size_t i = SIZES; i-- > 0;) {
        block = a.realloc(block, sizes[i]);
        good &= filled(block, sizes[i], 7);
    }
    a.free(block);
    OK(good, "realloc keeps the contents, growing and shrinking");
    if (!have("reallocarray", a.reallocarray))
        return;
    block = a.reallocarray(NULL, 10, 10);
    memset(block, 7, 100);
    OK((block = a.reallocarray(block, 20, 10)) != NULL && filled(block, 100, 7), "reallocarray");
    errno = 0;
    OK(!a.reallocarray(block, SIZE_MAX / 2, 4) && errno == ENOMEM && filled(block, 100, 7),
       "reallocarray refuses a product that overflows, and leaves the block");
    a.free(block);
}

/* To a cache line only: an adapter that mixes up its arguments shows here, and what libraries do
 * with large alignments (mimalloc 2.0.9 misses some) is not the adapter's. */
enum { MOST_ALIGNED = 64 };

static void test_aligned(void) {
    bool one = true, two = true, three = true;
    for (size_t alignment = sizeof(void *); alignment <= MOST_ALIGNED; alignment *= 2)
        for (size_t i = 0; i < SIZES; i++) {
            void *block          = NULL;
            const size_t rounded = (sizes[i] + alignment - 1) / alignment * alignment;
            if (a.aligned_alloc) {
                block = a.aligned_alloc(alignment, rounded);
                one &= block && aligned(block, alignment) && memset(block, 7, rounded);
                a.free(block);
            }
            if (a.posix_memalign) {
                two &= a.posix_memalign(&block, alignment, sizes[i]) == 0 &&
                       aligned(block, alignment) && memset(block, 7, sizes[i]);
                a.free(block);
            }
            if (a.memalign) {
                block = a.memalign(alignment, sizes[i]);
                three &= block && aligned(block, alignment) && memset(block, 7, sizes[i]);
                a.free(block);
            }
        }
    if (have("aligned_alloc", a.aligned_alloc))
        OK(one, "aligned_alloc aligns up to 64 bytes");
    if (have("posix_memalign", a.posix_memalign))
        OK(two, "posix_memalign aligns up to 64 bytes");
    if (have("memalign", a.memalign))
        OK(three, "memalign aligns up to 64 bytes");
}

static void test_sizes(void) {
    unsigned char *block[SIZES];
    bool enough = true, ours = true;
    if (!have("usable_size", a.usable_size))
        return;
    for (size_t i = 0; i < SIZES; i++) {
        block[i] = a.malloc(sizes[i]);
        enough &= a.usable_size(block[i]) >= sizes[i];
        memset(block[i], (int)i + 1, a.usable_size(block[i]));
    }
    OK(enough, "usable_size is at least what was asked for");
    for (size_t i = 0; i < SIZES; i++) {
        ours &= filled(block[i], a.usable_size(block[i]), (unsigned char)(i + 1));
        a.free(block[i]);
    }
    OK(ours, "and all of it may be used");
    IS(a.usable_size(NULL), 0, "usable_size of NULL is 0");
}

/* Pages that are written and freed come back, to the allocator at least. */
enum { FREED_BYTES = 1 << 20, FREED_TIMES = 128 };

static uint64_t resident(void) {
    return memory_now().rss;
}

static void *aligned_block(size_t size) {
    return a.aligned_alloc(64, size);
}

static void sized(void *block, size_t size) {
    a.free_sized(block, size);
}

static void aligned_sized(void *block, size_t size) {
    a.free_aligned_sized(block, 64, size);
}

static void unsized(void *block, size_t size) {
    (void)size;
    a.free(block);
}

static void test_free_function(const char *name, void *(*get)(size_t),
                               void (*give)(void *, size_t)) {
    const uint64_t before = resident();
    bool good             = true;
    for (size_t i = 0; good && i < FREED_TIMES; i++) {
        void *block = get(FREED_BYTES);
        good        = block && memset(block, 7, FREED_BYTES);
        give(block, FREED_BYTES);
    }
    OK(good && resident() < before + (uint64_t)FREED_BYTES * FREED_TIMES / 2,
       "what %s takes is used again", name);
    /* Freeing is seen to do no harm in what lives beside. */
    bool whole = true;
    for (size_t i = 0; i < SIZES; i++) {
        const size_t size    = (sizes[i] + 63) / 64 * 64;
        unsigned char *guard = get(size), *block = get(size);
        memset(guard, 9, size);
        give(block, size);
        give(NULL, size);
        whole &= filled(guard, size, 9);
        give(guard, size);
    }
    OK(whole, "%s takes all sizes, and NULL; what is beside keeps its contents", name);
}

static void test_frees(void) {
    test_free_function("free", a.malloc, unsized);
    if (have("free_sized", a.free_sized))
        test_free_function("free_sized", a.malloc, sized);
    if (have("free_aligned_sized", a.free_aligned_sized && a.aligned_alloc))
        test_free_function("free_aligned_sized", aligned_block, aligned_sized);
}

/* A heap of some size, in blocks that no allocator here maps one by one. The last one stays alive
 * when the others are freed, so that a heap that only ever shrinks at its end keeps them. */
enum { HEAP_BLOCK = 40 << 10, HEAP_BLOCKS = 1024 };
static const uint64_t heap_bytes = (uint64_t)HEAP_BLOCK * HEAP_BLOCKS;
static unsigned char *heap[HEAP_BLOCKS];

static void build_heap(void) {
    for (size_t i = 0; i < HEAP_BLOCKS; i++)
        memset(heap[i] = a.malloc(HEAP_BLOCK), 7, HEAP_BLOCK);
}

static void free_heap_but_last(void) {
    for (size_t i = 0; i + 1 < HEAP_BLOCKS; i++)
        a.free(heap[i]);
}

static uint64_t allocated(struct mallinfo2 m) {
    return m.uordblks + m.hblkhd;
}

static uint64_t held(struct mallinfo2 m) {
    return m.arena + m.hblkhd;
}

/* For what is rounded up, kept by caches of threads, and alive from before. */
enum { STATS_SLACK = 4 << 20 };

static void test_stats(void) {
    if (!have("stats", a.stats))
        return;
    const uint64_t before = allocated(a.stats());
    OK(before < STATS_SLACK, "stats: next to nothing is alive at first");
    build_heap();
    const struct mallinfo2 full = a.stats();
    OK(allocated(full) >= heap_bytes, "stats: what is alive is allocated: %zu of %zu bytes",
       (size_t)allocated(full), (size_t)heap_bytes);
    OK(allocated(full) < heap_bytes * 5 / 4 + STATS_SLACK, "stats: and nothing much beside it");
    OK(held(full) >= allocated(full), "stats: at least as much is held");
    OK(held(full) < memory_now().vsz, "stats: and not more than the process has: %zu bytes",
       (size_t)held(full));
    void *big = a.malloc(heap_bytes);
    OK(allocated(a.stats()) >= 2 * heap_bytes && held(a.stats()) >= 2 * heap_bytes,
       "stats: one big block is seen, too");
    a.free(big);
    free_heap_but_last();
    OK(allocated(a.stats()) < heap_bytes / 4, "stats: what is freed is not allocated: %zu bytes",
       (size_t)allocated(a.stats()));
    a.free(heap[HEAP_BLOCKS - 1]);
}

static void test_purge(void) {
    if (!have("purge", a.purge))
        return;
    const uint64_t before = resident();
    build_heap();
    const uint64_t full = resident();
    OK(full > before + heap_bytes / 2, "a heap of %zu bytes is resident", (size_t)heap_bytes);
    free_heap_but_last();
    a.purge(0);
    a.purge(0); /* twice, as the cell's first thread does */
    const uint64_t after = resident();
    OK(after < before + heap_bytes / 2,
       "purge gives most of what is free back: %zu bytes stay of %zu", (size_t)(after - before),
       (size_t)(full - before));
    OK(filled(heap[HEAP_BLOCKS - 1], HEAP_BLOCK, 7), "purge leaves live blocks alone");
    a.free(heap[HEAP_BLOCKS - 1]);
}

static void *free_in_thread(void *block) {
    a.free(block);
    return a.malloc(1000);
}

static void test_threads(void) {
    pthread_t thread;
    void *block = a.malloc(1000), *from_thread = NULL;
    const bool created = pthread_create(&thread, NULL, free_in_thread, block) == 0;
    if (created)
        pthread_join(thread, &from_thread);
    OK(created && from_thread, "a block may be freed by another thread");
    a.free(from_thread);
}

int main(void) {
    static struct identity id;
    static char output[BUFSIZ];
    setvbuf(stdout, output, _IOLBF, sizeof output); /* else it is in the heap under test */
    OK(identity_bind(&allocator, NULL, &a, &id), "identity is proven: %s", id.problem);
    OK(!a.version || *a.version(), "version, if there is one, is a text");
    if (a.flags & ALLOCATOR_FLOOR) {
        tap_skip("all else", "this is the floor: the harness alone, not an allocator");
        return tap_done();
    }
    test_purge(); /* first: of memory that is resident from before, nothing is learnt */
    test_malloc();
    test_calloc();
    test_realloc();
    test_aligned();
    test_sizes();
    test_frees();
    test_stats();
    test_threads();
    return tap_done();
}
