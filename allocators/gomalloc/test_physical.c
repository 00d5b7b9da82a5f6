/* How much memory a heap of holes keeps when it grows: Go's TestPhysicalMemoryUtilization. Blocks
 * of 64 KiB, every second one freed, and then a block as large as all the holes together, for which
 * none of them is any use. Go gives holes back while it grows. Its test asks that no more than 10 %
 * of the live memory, and one page of the kernel's for each block, is resident beyond it. */
#include "gomalloc.h"
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
    char what[160];
    snprintf(what, sizeof what, "%s: %.1f %% beyond the live memory, at most %.2f %%", measure,
             over, most);
    tap_todo(over <= most, what, "the heap gives no holes back while it grows");
}

int main(void) {
    static char *block[COUNT];
    const size_t before = rss();
    struct gom_memstats m;
    for (unsigned i = 0; i < COUNT; i++)
        memset(block[i] = gom_malloc(CHUNK), 1, CHUNK);
    for (unsigned i = 1; i < COUNT; i += 2)
        gom_free(block[i]);
    char *large = gom_malloc(TOTAL / 2);
    memset(large, 2, TOTAL / 2);
    const size_t after = rss();
    gom_memstats(&m);
    IS(m.heap_alloc, TOTAL, "half of the blocks and the large one are live");
    judge(beyond(m.heap_sys - m.heap_released - HIDDEN, m.heap_alloc), "as the heap counts");
    if (SANITIZED)
        tap_skip("as the kernel counts", "the sanitiser's own memory is in the way");
    else
        judge(beyond(after - before, m.heap_alloc), "as the kernel counts");

    unsigned wrong = large[0] != 2 || large[TOTAL / 2 - 1] != 2;
    for (unsigned i = 0; i < COUNT; i += 2) {
        wrong += block[i][0] != 1 || block[i][CHUNK - 1] != 1;
        gom_free(block[i]);
    }
    gom_free(large);
    IS(wrong, 0, "all keep their contents");
    return tap_done();
}
