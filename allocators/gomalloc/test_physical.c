/* How much memory a heap of holes keeps when it grows: Go's TestPhysicalMemoryUtilization. Blocks
 * of 64 KiB, every second one freed, and then a block as large as all the holes together, for which
 * none of them is any use. As Go, the heap gives holes back while it grows. Go's test asks that no
 * more than 10 % of the live memory, and one page of the kernel's for each block, is resident
 * beyond it. Here it is without the 10 %. */
#include "gomalloc.h"
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
    const double most = 100.0 * (double)sysconf(_SC_PAGESIZE) / CHUNK;
    OK(over <= most, "%s: %.1f %% beyond the live memory, at most %.2f %%", measure, over, most);
}

static char *block[COUNT], *large;

static void make_holes(void) {
    for (unsigned i = 0; i < COUNT; i++)
        memset(block[i] = gom_malloc(CHUNK), 1, CHUNK);
    for (unsigned i = 1; i < COUNT; i += 2)
        gom_free(block[i]);
    large = gom_malloc(TOTAL / 2);
    memset(large, 2, TOTAL / 2);
}

/* Blocks that are not as they were. */
static unsigned free_all(void) {
    unsigned wrong = large[0] != 2 || large[TOTAL / 2 - 1] != 2;
    for (unsigned i = 0; i < COUNT; i += 2) {
        wrong += block[i][0] != 1 || block[i][CHUNK - 1] != 1;
        gom_free(block[i]);
    }
    gom_free(large);
    return wrong;
}

int main(void) {
    struct gom_memstats m;
    const size_t before = rss();
    make_holes();
    const size_t after = rss();
    gom_memstats(&m);
    IS(m.heap_alloc, TOTAL, "half of the blocks and the large one are live");
    judge(beyond(m.heap_sys - m.heap_released - HIDDEN, m.heap_alloc), "as the heap counts");
    if (SANITIZED)
        tap_skip("as the kernel counts", "the sanitiser's own memory is in the way");
    else
        judge(beyond(after - before, m.heap_alloc), "as the kernel counts");
    IS(free_all(), 0, "all keep their contents");

    gom_trim(0);
    options[OPTION_SCAVENGE] = SCAVENGE_NEVER;
    atomic_store(&mheap.grown, 0);
    make_holes();
    atomic_store(&mheap.grown, (size_t)1 << 20); /* there was room for all: as if it had grown */
    gom_free(gom_malloc(2 * TOTAL));
    gom_memstats(&m);
    OK(m.heap_idle - m.heap_released > TOTAL / 3, "and keeps its holes, if it is told to");
    IS(free_all(), 0, "and all contents, too");
    return tap_done();
}
