/* Who grows the heap has its pages, whatever other threads take meanwhile. Here they take every
 * page that is free each time that the heap's lock opens: no schedule is worse. That is played by
 * this thread, in a copy of mheap.c. */

/* Names of its own, so that the parts that the test is linked with stay what they are. */
#define mheap                robbed
#define mheap_alloc_span     robbed_alloc_span
#define mheap_free_span      robbed_free_span
#define mheap_alloc_large    robbed_alloc_large
#define mheap_free_large     robbed_free_large
#define mheap_resize_large   robbed_resize_large
#define mheap_alloc_resident robbed_alloc_resident
#define mheap_map_span       robbed_map_span
#define mheap_unmap_span     robbed_unmap_span
#define mheap_refill_cache   robbed_refill_cache
#define mheap_flush_cache    robbed_flush_cache
#define mheap_scavenge       robbed_scavenge
#define mheap_dirty_pages    robbed_dirty_pages
#define mheap_metadata       robbed_metadata
#define mheap_trim_metadata  robbed_trim_metadata
#define mheap_after_fork     robbed_after_fork
#define mheap_adopt          robbed_adopt

#include "lock.h"
#include "mheap.h"
#include "tap.h"

#include <errno.h>

static void release_and_rob(struct lock *);
#define lock_release release_and_rob
#include "mheap.c" // NOLINT(bugprone-suspicious-include): a copy
#undef lock_release

static bool robs;
static size_t stolen; /* pages */

/* What other threads do, as soon as they can. */
static void rob(void) {
    size_t scavenged;
    lock_acquire(&robbed.lock);
    for (size_t n = robbed.pages.free_pages; n; n /= 2)
        while (pagealloc_alloc(&robbed.pages, n, &scavenged))
            stolen += n;
    lock_release(&robbed.lock);
}

static void release_and_rob(struct lock *l) {
    lock_release(l);
    if (robs && l == &robbed.lock)
        rob();
}

/* Of mheap_alloc_large. */
static const struct request {
    size_t pages, alignment;
    enum span_state state;
    const char *what;
} requests[] = {
    {5, 1, SPAN_LARGE, "a large block"},
    {CHUNK_PAGES, 1, SPAN_LARGE, "a block of a whole step"},
    {7000, 1, SPAN_LARGE, "a block of several steps"},
    {7, 8 * PAGE_BYTES, SPAN_LARGE, "an aligned block"},
    {600, 1024 * PAGE_BYTES, SPAN_LARGE, "a block with an alignment of 8 MiB"},
    {7000, 1, SPAN_MANUAL, "a stack"},
};

static void test_large(void) {
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const struct request *r = &requests[i];
        const size_t had        = robbed.sys_pages;
        const struct mspan *s =
            mheap_alloc_large(NULL, r->pages, r->alignment, r->state, false, NULL);
        OK(s && s->base % r->alignment == 0, "%s comes although others take all they can", r->what);
        OK(robbed.sys_pages > had, "for which the heap grew");
    }
}

static void test_small(void) {
    struct pagecache cache = {0};
    OK(mheap_alloc_span(NULL, 20), "so does a span of small objects");
    OK(mheap_alloc_span(&cache, 20), "and one from a thread's own block of pages");
    mheap_flush_cache(&cache);
    mheap_refill_cache(&cache);
    OK(cache.base && cache.free, "which a thread gets, too");
}

/* Nobody waits for memory that is not there. */
static void test_short(void) {
    struct pagecache cache = {0};
    os_maps_left           = 0;
    OK(!mheap_alloc_large(NULL, 5, 1, SPAN_LARGE, false, NULL), "without memory there is no block");
    mheap_refill_cache(&cache);
    OK(!cache.base, "nor pages for a thread");
    OK(lock_try(&robbed.lock) && lock_try(&robbed.grow_lock), "and both locks are open");
    lock_release(&robbed.lock);
    lock_release(&robbed.grow_lock);
    os_maps_left = OS_NO_LIMIT;
}

int main(void) {
    robs = true;
    test_large();
    test_small();
    test_short();
    OK(stolen > 0, "others took %zu pages", stolen);
    return tap_done();
}
