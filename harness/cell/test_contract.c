/* The contract of allocators/allocator.h, on the adapter that this is linked with: every slot that
 * it offers does what its standard says for plain use. (Depth is the conformance suite's.) */
#include "identity.h"
#include "tap.h"

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
    a.free(NULL);
    OK(true, "free takes it back, and NULL");
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
    bool good = true;
    if (have("usable_size", a.usable_size)) {
        for (size_t i = 0; i < SIZES; i++) {
            void *block = a.malloc(sizes[i]);
            good &= a.usable_size(block) >= sizes[i];
            a.free(block);
        }
        OK(good, "usable_size is at least what was asked for");
    }
    if (have("free_sized", a.free_sized)) {
        for (size_t i = 0; i < SIZES; i++)
            a.free_sized(a.malloc(sizes[i]), sizes[i]);
        a.free_sized(NULL, 1);
        OK(true, "free_sized takes blocks of malloc, and NULL");
    }
    if (have("free_aligned_sized", a.free_aligned_sized) && a.aligned_alloc) {
        for (size_t i = 0; i < SIZES; i++) {
            const size_t rounded = (sizes[i] + 63) / 64 * 64;
            a.free_aligned_sized(a.aligned_alloc(64, rounded), 64, rounded);
        }
        a.free_aligned_sized(NULL, 64, 64);
        OK(true, "free_aligned_sized takes blocks of aligned_alloc, and NULL");
    }
}

enum { HELD = 1 << 20 };

static void test_stats_and_purge(void) {
    if (have("stats", a.stats)) {
        const struct mallinfo2 before = a.stats();
        void *block                   = a.malloc(HELD);
        memset(block, 1, HELD);
        const struct mallinfo2 after = a.stats();
        /* large blocks of the C library are outside of uordblks, in hblkhd */
        OK(after.uordblks + after.hblkhd >= before.uordblks + before.hblkhd + HELD,
           "stats see a live block of 1 MiB");
        OK(after.arena + after.hblkhd >= HELD, "and memory held for it");
        a.free(block);
    }
    if (have("purge", a.purge)) {
        void *live = a.malloc(100);
        memset(live, 7, 100);
        a.purge(0);
        OK(filled(live, 100, 7), "purge leaves live blocks alone");
        a.free(live);
    }
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
    OK(identity_bind(&allocator, NULL, &a, &id), "identity is proven: %s", id.problem);
    OK(!a.version || *a.version(), "version, if there is one, is a text");
    if (a.flags & ALLOCATOR_FLOOR) {
        tap_skip("all else", "this is the floor, no allocator");
        return tap_done();
    }
    test_malloc();
    test_calloc();
    test_realloc();
    test_aligned();
    test_sizes();
    test_stats_and_purge();
    test_threads();
    return tap_done();
}
