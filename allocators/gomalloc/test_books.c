/* The books of the heap after single operations: what is in use, and what is free. No page and no
 * descriptor may be lost to them. test_stress.c looks at the same after millions. */
#include "gomalloc.h"
#include "hardened.h"
#include "listroom.h"
#include "options.h"
#include "os.h"
#include "tap.h"
#include "test_child.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { PAGE = PAGE_BYTES, MANY = 10000 };

static void *block[MANY];

static struct gom_memstats now(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return m;
}

/* Free pages that are resident, as the heap counts them. A page that is lost counts as one, too. */
static size_t dirty(void) {
    const struct gom_memstats m = now();
    return m.heap_idle - m.heap_released;
}

static void make_dirty(size_t size) {
    void *p = gom_malloc(size);
    memset(p, 0xff, size);
    gom_free(p);
}

static void test_alignment(void) {
    size_t lost = 0;
    void *first = gom_malloc(5 * PAGE); /* so that the first free page is not aligned by chance */
    for (size_t alignment = 2 * PAGE; alignment <= (size_t)4 << 20; alignment *= 2)
        for (size_t size = 40000; size < 3000000; size = size * 3 + 1) {
            const size_t before    = now().heap_inuse;
            void *p                = gom_aligned_alloc(alignment, size);
            const size_t used      = now().heap_inuse - before;
            const size_t before_it = !HARDENED ? 0 : alignment <= 64 << 10 ? alignment : 0;
            lost += used != (before_it + size + HARDENED + PAGE - 1) / PAGE * PAGE;
            gom_free(p);
            gom_trim(0);
            lost += dirty() != 0;
        }
    IS(lost, 0, "no page beside an aligned block is lost");
    gom_free(first);
}

static void test_trim_keeps(void) {
    if (HARDENED) {
        tap_skip("a trim keeps what it is asked to keep", "hardened, what is freed waits");
        return;
    }
    gom_trim(0);
    make_dirty(1 << 20);
    IS(dirty(), 1 << 20, "a block that is freed is dirty");
    gom_trim(1 << 18);
    IS(dirty(), 1 << 18, "a trim keeps what it is asked to keep");
    gom_trim(0);
    IS(dirty(), 0, "and nothing, if it is not");
}

/* Spans of many slots leave their pages in the thread's block of pages. */
static void test_trim_small(void) {
    enum { BLOCKS = 64, SIZE = 512 };
    for (unsigned i = 0; i < BLOCKS; i++)
        memset(block[i] = gom_malloc(SIZE), 1, SIZE);
    for (unsigned i = 0; i < BLOCKS; i++)
        gom_free(block[i]);
    gom_trim(0);
    IS(dirty(), 0, "a trim takes the pages that a thread has for its next spans");
}

/* Two slots in three go back, in an order that goes to and fro among the words of their spans. Then
 * each is somebody's again, and no other is. */
static void give_back_and_take(int begin) {
    enum { BLOCKS = 3000, AROUND = 150, STEP = 71 };
    for (unsigned k = (unsigned)begin; k < SIZE_CLASSES && class_to_size[k] <= 1024; k++) {
        const size_t size = class_to_size[k] - HARDENED;
        for (unsigned i = 0; i < BLOCKS; i++)
            *(uint32_t *)(block[i] = gom_alloc(size, GOM_NOSCAN)) = i;
        const size_t spans = now().heap_inuse;
        for (unsigned i = 0; i < BLOCKS; i++) {
            const unsigned at = i / AROUND * AROUND + i * STEP % AROUND;
            if (at % 3)
                gom_free(block[at]);
        }
        gom_trim(0);
        for (unsigned i = 0; i < BLOCKS; i++)
            if (i % 3)
                *(uint32_t *)(block[i] = gom_alloc(size, GOM_NOSCAN)) = i;
        if (now().heap_inuse > spans)
            _exit(2);
        for (unsigned i = 0; i < BLOCKS; i++) {
            if (*(uint32_t *)block[i] != i)
                _exit(1);
            gom_free(block[i]);
        }
    }
}

static void test_slots_come_back(void) {
    IS(status_of(give_back_and_take, 1), 0,
       "slots that go back in any order have one owner each again");
}

/* One page in a hundred is free. */
static void test_trim_dense(void) {
    enum { PAGES = 2048, EVERY = 100 };
    for (unsigned i = 0; i < PAGES; i++)
        memset(block[i] = gom_malloc(PAGE), 1, PAGE);
    for (unsigned i = 0; i < PAGES; i += EVERY)
        gom_free(block[i]);
    gom_trim(0);
    IS(dirty(), 0, "a trim takes single pages as well");
    for (unsigned i = 0; i < PAGES; i++)
        if (i % EVERY)
            gom_free(block[i]);
    gom_trim(0);
}

/* Dirty pages and fresh ones beside them, in one block. */
static void test_calloc_of_both(void) {
    enum { SIZE = 8 << 20, DIRTY = 1 << 20 };
    size_t wrong = 0;
    gom_trim(0);
    make_dirty(DIRTY);
    unsigned char *p = gom_calloc(1, SIZE);
    for (size_t i = 0; i < SIZE; i++)
        wrong += p[i] != 0;
    IS(wrong, 0, "calloc of dirty and fresh pages is zero");
    gom_free(p);
    gom_trim(0);
}

/* Pages of a block that are resident. */
static size_t resident(void *p, size_t size) {
    static unsigned char in[MANY];
    const size_t pages = size / os_page_bytes();
    size_t n           = 0;
    if (pages > MANY || mincore(p, size, in) != 0)
        return SIZE_MAX;
    for (size_t i = 0; i < pages; i++)
        n += in[i] & 1;
    return n;
}

/* Runs of dirty pages among fresh ones. Of these, calloc writes to none. `before`: pages, so that
 * the runs begin anywhere in a word of the bitmap. */
static void sparse_calloc(size_t before) {
    enum { RUN = 70 * PAGE, ALL = 10 * RUN };
    void *first = gom_malloc(before * PAGE), *run[9];
    gom_trim(0);
    for (size_t i = 0; i < 9; i++)
        run[i] = gom_malloc(RUN);
    for (size_t i = 0; i < 9; i += 2)
        memset(run[i], 0xff, RUN);
    for (size_t i = 1; i < 9; i += 2)
        gom_free(run[i]);
    gom_trim(0);
    for (size_t i = 0; i < 9; i += 2)
        gom_free(run[i]);
    const size_t were      = resident(run[0], ALL);
    const unsigned char *p = before % 2 ? gom_calloc(1, ALL) : gom_alloc(ALL, GOM_ZERO);
    const size_t are       = resident(run[0], ALL);
    size_t wrong           = p != run[0];
    for (size_t i = 0; i < ALL; i++)
        wrong += p[i] != 0;
    IS(wrong, 0, "calloc of runs of dirty pages, %zu pages from the start, is zero", before);
    OK(were < SIZE_MAX && are == were, "%zu pages of it were resident, and %zu are", were, are);
    gom_free((void *)p);
    gom_free(first);
    gom_trim(0);
}

static void test_sparse_calloc(void) {
    if (HARDENED) {
        tap_skip("calloc of runs of dirty pages", "hardened, the runs are elsewhere");
        return;
    }
    for (size_t before = 5; before < 200; before = before * 3 + 1)
        sparse_calloc(before);
}

static void test_lists_are_short(void) {
    enum { SIZE = 16, KEPT = LIST_OBJECTS_MAX * SIZE };
    for (unsigned i = 0; i < MANY; i++)
        block[i] = gom_malloc(SIZE);
    for (unsigned i = 0; i < MANY; i++)
        gom_free(block[i]);
    OK(now().heap_inuse <= (HARDENED ? 16 : 4) * KEPT,
       "a thread keeps no more than 510 free objects of a size");
    gom_trim(0);
    IS(now().heap_inuse, 0, "and none after a trim");
}

/* Without memory, and with it again, all descriptors are there. */
static void test_no_memory(void) {
    enum { SIZE = 32768 };
    unsigned n = 0, more = 0;
    gom_free(gom_malloc(SIZE));
    os_maps_left = 1;
    while (n < MANY && (block[n] = gom_malloc(SIZE)))
        n++;
    for (unsigned i = 0; i < 20; i++)
        more += gom_malloc(1 << 26) != NULL || gom_malloc(SIZE) != NULL;
    os_maps_left = OS_NO_LIMIT;
    OK(n > 0 && n < MANY && more == 0, "there is no memory after %u blocks", n);
    while (n > 0)
        gom_free(block[--n]);
    gom_trim(0);
    IS(now().mspan_inuse, 0, "no descriptor is lost by what failed");
    IS(dirty(), 0, "nor any page");
}

static atomic_uint turn;

static void wait_for(unsigned which) {
    while (atomic_load(&turn) < which)
        sched_yield();
}

static void *keep_lists(void *unused) {
    for (unsigned i = 0; i < 100; i++)
        block[i] = gom_malloc(1000);
    for (unsigned i = 0; i < 100; i++)
        gom_free(block[i]);
    atomic_store(&turn, 1);
    wait_for(2);
    gom_free(gom_malloc(2000)); /* comes by a slow path */
    atomic_store(&turn, 3);
    wait_for(4);
    return unused;
}

static void test_trim_of_others(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, keep_lists, NULL);
    wait_for(1);
    gom_trim(0);
    const size_t before = now().heap_inuse;
    atomic_store(&turn, 2);
    wait_for(3);
    const size_t after = now().heap_inuse;
    atomic_store(&turn, 4);
    pthread_join(thread, NULL);
    OK(before > 3 * PAGE, "a trim leaves another thread's objects alone");
    IS(after, PAGE, "and it gives them back when it comes by");
}

int main(void) {
    options[OPTION_SCAVENGE] = SCAVENGE_NEVER;
    test_alignment();
    test_trim_keeps();
    test_trim_small();
    test_slots_come_back();
    test_trim_dense();
    test_calloc_of_both();
    test_sparse_calloc();
    test_lists_are_short();
    test_no_memory();
    test_trim_of_others();
    return tap_done();
}
