/* How much memory a heap of holes keeps when it grows: Go's TestPhysicalMemoryUtilization. Blocks
 * of 64 KiB, every second one freed, and then a block as large as all the holes together, for which
 * none of them is any use. As Go's, the heap gives holes back while it grows. Go's test asks that
 * no more than 10 % of the live memory, and one page of the kernel's for each block, is resident
 * beyond it. If the holes are few, they stay: for what they cost, they may serve. */
#include "gomalloc.h"
#include "hardened.h"
#include "mheap.h"
#include "options.h"
#include "tap.h"
#include "test_statm.h"

#include <unistd.h>

enum {
    TOTAL = 32 << 20,
    CHUNK = 64 << 10,
    COUNT = TOTAL / CHUNK,
    /* Free pages that a thread's block of pages may hide from the scavenger. */
    HIDDEN = 64 * 8192,
};

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

/* Per cent of the live memory. */
static double beyond(size_t memory, size_t live) {
    return ((double)memory - (double)live) * 100 / (double)live;
}

static void judge(double over, const char *measure) {
    const double most = 10 + 100.0 * (double)sysconf(_SC_PAGESIZE) / CHUNK;
    OK(over <= most, "%s: %.1f %% beyond the live memory, at most %.2f %%", measure, over, most);
}

static char *block[COUNT], *large;

/* Frees one of so many, and takes as much in a larger block, by a heap that grows, or as if it did.
 * Returns the bytes that are live. */
static size_t make_holes(unsigned one_of, bool as_if) {
    size_t free = 0;
    for (unsigned i = 0; i < COUNT; i++)
        memset(block[i] = gom_malloc(CHUNK), 1, CHUNK);
    for (unsigned i = 1; i < COUNT; i += one_of, free += CHUNK) {
        gom_free(block[i]);
        block[i] = NULL;
    }
    if (as_if)
        atomic_store(&mheap.grown, true);
    memset(large = gom_malloc(free), 2, free);
    return TOTAL;
}

/* Blocks that are not as they were. */
static unsigned free_all(void) {
    unsigned wrong = large[0] != 2;
    for (unsigned i = 0; i < COUNT; i++) {
        wrong += block[i] && (block[i][0] != 1 || block[i][CHUNK - 1] != 1);
        gom_free(block[i]);
    }
    gom_free(large);
    gom_trim(0);
    return wrong;
}

/* Bytes that are resident and not live, by the heap's count. */
static size_t resident_and_free(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return m.heap_sys - m.heap_released - m.heap_alloc;
}

static void test_holes(void) {
    const size_t before = rss();
    const size_t live   = make_holes(2, false);
    const size_t after  = rss();
    struct gom_memstats m;
    gom_memstats(&m);
    OK(HARDENED || m.heap_alloc == live, "half of the blocks and the large one are live");
    judge(beyond(m.heap_sys - m.heap_released - HIDDEN, m.heap_alloc), "as the heap counts");
    if (SANITIZED)
        tap_skip("as the kernel counts", "the sanitiser's own memory is in the way");
    else
        judge(beyond(after - before, m.heap_alloc), "as the kernel counts");
    IS(free_all(), 0, "all keep their contents");
}

static void test_holes_that_stay(void) {
    enum { FEW = 4 };
    make_holes(FEW, true);
    OK(resident_and_free() > TOTAL / FEW - 2 * HIDDEN,
       "a fourth of the blocks may serve, and stays");
    IS(free_all(), 0, "and all contents");
    options[OPTION_SCAVENGE] = SCAVENGE_NEVER;
    make_holes(2, true);
    OK(resident_and_free() > TOTAL / 2 - 2 * HIDDEN, "all stay if nothing shall go back by itself");
    IS(free_all(), 0, "and all contents");
}

int main(void) {
    options[OPTION_SCAVENGE] = SCAVENGE_BY_AND_BY;
    test_holes();
    test_holes_that_stay();
    return tap_done();
}
