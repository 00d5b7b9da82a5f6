/* Memory: what is asked of the operating system, what comes back, and what happens if it has none.
 * Each part in a process of its own, so that none inherits the heap of another. */
#include "gomalloc.h"
#include "hardened.h"
#include "mheap.h"
#include "options.h"
#include "os.h"
#include "tap.h"
#include "test_child.h"
#include "test_random.h"
#include "test_statm.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double mib(size_t bytes) {
    return (double)bytes / (1 << 20);
}

static uint64_t state = 1;

static void blame(const char *what, unsigned block) {
    printf("# block %u: %s\n", block, what);
    fflush(stdout);
    _exit(6);
}

/* NULL comes with ENOMEM. */
static bool is_given(const void *p, unsigned block) {
    if (!p && errno != ENOMEM)
        blame("NULL, but errno is not ENOMEM", block);
    return p;
}

static bool is_all(const void *p, unsigned char byte, size_t size) {
    const unsigned char *bytes = p;
    return bytes[0] == byte && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* A bit of everything; false: some request failed, with ENOMEM and nothing half done. The process
 * ends if errno is another, or a byte is lost. */
static bool some_of_everything(void) {
    size_t size_of[40];
    void *p[40] = {NULL};
    bool good   = true;
    for (unsigned i = 0; i < 40; i++) {
        const size_t size = (size_t)1 << i / 2;
        errno             = 0;
        p[i]              = i % 3 == 0   ? gom_malloc(size)
                            : i % 3 == 1 ? gom_calloc(2, size)
                                         : gom_aligned_alloc(size < 32768 ? size : 32768, size);
        size_of[i]        = size;
        good &= is_given(p[i], i);
        if (!p[i])
            continue;
        if (i % 3 == 1 && !is_all(p[i], 0, 2 * size))
            blame("calloc, but not zero", i);
        memset(p[i], (int)i, size);
        errno   = 0;
        void *q = gom_realloc(p[i], size * 3);
        good &= is_given(q, i);
        if (!q)
            continue;
        if (!is_all(q, (unsigned char)i, size))
            blame("realloc lost a byte", i);
        p[i] = memset(q, (int)i, size_of[i] = size * 3);
    }
    for (unsigned i = 0; i < 40; i++) {
        if (p[i] && !is_all(p[i], (unsigned char)i, size_of[i]))
            blame("a byte has changed", i);
        gom_free(p[i]);
    }
    return good;
}

static void *thread_of_everything(void *unused) {
    some_of_everything();
    return unused;
}

/* In a new process: mappings fail from the n-th on, first in the main thread, then in another; then
 * there is memory again. Exits with 0: all good, with 1: good, and nothing failed: n is large. */
static void fail_from(int n) {
    pthread_t thread;
    os_maps_left    = n;
    const bool good = some_of_everything();
    os_maps_left    = n;
    if (pthread_create(&thread, NULL, thread_of_everything, NULL) != 0)
        _exit(9);
    pthread_join(thread, NULL);
    gom_trim(0);
    os_maps_left = OS_NO_LIMIT;
    for (int i = 0; i < 3; i++)
        if (!some_of_everything())
            _exit(8);
    gom_trim(0);
    struct gom_memstats m;
    gom_memstats(&m);
    if (m.heap_objects != 0 || m.heap_inuse != 0)
        _exit(7);
    _exit(good ? 1 : 0);
}

static void test_failing_maps(void) {
    int n = 0, code;
    while ((code = status_of(fail_from, n)) == 0)
        n++;
    OK(code == 1 && n > 5,
       "mappings fail from the n-th on, for each n to %d: ENOMEM, then all works", n);
    if (code != 1)
        printf("# code %d\n", code);
}

/* In a new process: an address space of so many MiB more than there is. */
static void in_small_space(int megabytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = vsz() + ((size_t)megabytes << 20);
    setrlimit(RLIMIT_AS, &limit);
    enum { MOST = 1 << 16 };
    static void *p[MOST];
    size_t n = 0, bytes = 0;
    while (n < MOST && (p[n] = gom_malloc(4096))) {
        memset(p[n++], 1, 4096);
        bytes += 4096;
    }
    if (n == MOST || errno != ENOMEM)
        _exit(9);
    /* Half of the space must be usable. Hardened, some have guards: two pages each. How many, the
     * clock decides; they count as large ones. */
    struct gom_memstats m;
    gom_memstats(&m);
    const size_t guards = (m.by_size[0].mallocs - m.by_size[0].frees) * (2 * 8192 - 4096);
    if (bytes + guards < (size_t)megabytes << 19)
        _exit(8);
    if (gom_malloc((size_t)megabytes << 20) || errno != ENOMEM)
        _exit(7);
    while (n > 0)
        gom_free(p[--n]);
    /* Hardened, three of the first are in two pages: as many pages have fewer spans. */
    const size_t again = bytes / (HARDENED ? 2 * 8192 : 8192) - 16;
    for (n = 0; n < again; n++) /* and again, in other sizes; a few are cached */
        if (!(p[n] = gom_malloc(8000)))
            _exit(6);
    _exit(0);
}

static void test_small_space(void) {
    for (int megabytes = 4; megabytes <= 64; megabytes *= 2)
        IS(status_of(in_small_space, megabytes), 0, "RLIMIT_AS leaves %d MiB: used, and ENOMEM",
           megabytes);
}

/* Live blocks of a size, 99 % freed at random, then all. */
static void fill_and_free(int size) {
    const size_t total = (size_t)256 << 20, n = total / (size_t)size;
    void **p = malloc(n * sizeof *p);
    memset(p, 0, n * sizeof *p);
    gom_free(gom_malloc(1));
    const size_t start = rss();
    for (size_t i = 0; i < n; i++)
        memset(p[i] = gom_malloc((size_t)size), 1, (size_t)size);
    const size_t full = rss();
    for (size_t i = 0; i < n; i++)
        if (next_random(&state) % 100) {
            gom_free(p[i]);
            p[i] = NULL;
        }
    gom_trim(0);
    const size_t sparse = rss();
    for (size_t i = 0; i < n; i++)
        gom_free(p[i]);
    gom_trim(0);
    const size_t end = rss();
    printf(
        "# 256 MiB in blocks of %d bytes: resident +%.1f MiB; 99 %% freed at random: +%.1f; all: "
        "+%.1f\n",
        size, mib(full - start), mib(sparse - start), end > start ? mib(end - start) : 0.0);
    fflush(stdout);
    const size_t most = HARDENED ? 4 * total : total + total / 8; /* 48 bytes for 16 */
    _exit(full - start > most || end > start + (8u << 20));
}

static void test_comes_back(void) {
    static const int sizes[] = {16, 64, 256, 1024, 4096};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        IS(status_of(fill_and_free, sizes[i]), 0,
           "blocks of %d: all freed and trimmed, within 8 MiB of the start", sizes[i]);
}

static void reserve(int megabytes) {
    gom_free(gom_malloc(1));
    const size_t start = rss(), all = (size_t)megabytes << 20;
    char *p               = gom_malloc(all);
    const size_t reserved = rss();
    memset(p, 1, all / 4);
    const size_t touched = rss();
    _exit(reserved > start + (1 << 20) || touched < start + all / 4 - (1 << 20) ||
          touched > start + all / 4 + (1 << 20));
}

static void test_touched(void) {
    IS(status_of(reserve, 400), 0, "address space costs nothing until it is touched");
}

/* Those that can be written to. */
static int mappings(void) {
    char line[512];
    FILE *f = fopen("/proc/self/maps", "r");
    int n   = 0;
    while (f && fgets(line, sizeof line, f))
        n += strstr(line, " rw-p ") != NULL;
    if (f)
        fclose(f);
    return n;
}

/* 1 GiB in spans of a class; large ones for 0. Their pages are not touched. The program maps pages
 * of its own now and then, so that what the heap maps does not become one mapping by itself. */
static void spans_of_a_gibibyte(int class) {
    enum { MAPPINGS_MAX = 16, LARGE_PAGES = 5, OFTEN = 64 };
    const int start = mappings();
    for (size_t pages = 0, i = 0; pages < ((size_t)1 << 30) / PAGE_BYTES; i++) {
        if (i % OFTEN == 0 && mmap(NULL, os_page_bytes(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                                   -1, 0) == MAP_FAILED)
            _exit(3);
        const struct mspan *s =
            class ? mheap_alloc_span(NULL, 2 * (unsigned)class)
                  : mheap_alloc_large(NULL, LARGE_PAGES, 1, SPAN_LARGE, false, NULL);
        if (!s)
            _exit(2);
        pages += s->npages;
    }
    printf("# 1 GiB in spans of class %d: %d mappings\n", class, mappings() - start);
    fflush(stdout);
    _exit(mappings() > start + MAPPINGS_MAX);
}

static void test_mappings(void) {
#if defined(__SANITIZE_ADDRESS__)
    tap_skip("mappings of a GiB", "AddressSanitizer's shadow is where many hints are");
    return;
#endif
    static const int classes[] = {0, 1, 3, 5, 20, 67};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        IS(status_of(spans_of_a_gibibyte, classes[i]), 0,
           "1 GiB of blocks of %u bytes (0: large) is at most 16 mappings more",
           class_to_size[classes[i]]);
}

/* Ways to go on: with large blocks, which the thread keeps, with more small ones than it keeps, and
 * with pieces of shared ones. */
enum way { LARGE, SMALL, TINY, WAYS };
static const char *const way_names[] = {"large", "small", "tiny"};

static void go_on(enum way way) {
    enum { COUNT = 2048, PAIRS = 16 };
    static void *p[COUNT];
    for (size_t i = 0; way == LARGE && i < PAIRS; i++)
        gom_free(gom_malloc(100000));
    for (size_t i = 0; way != LARGE && i < COUNT; i++)
        p[i] = way == SMALL ? gom_malloc(64) : gom_alloc(8, GOM_TINY);
    for (size_t i = 0; way != LARGE && i < COUNT; i++)
        gom_free(p[i]);
}

/* Waits until no more is resident, or until nothing has gone back in half a minute. The scavenger
 * has a share of the time, so the whole takes as long as the machine takes for each page. */
static void wait_for(size_t goal, void doing(enum way), enum way way) {
    enum { LOOKS = 3000, LOOK_US = 10000 };
    size_t least = SIZE_MAX, now;
    for (int still = 0; still < LOOKS && (now = rss()) > goal; still++) {
        if (now < least)
            least = now, still = 0;
        usleep(LOOK_US);
        if (doing)
            doing(way);
    }
}

/* Frees much and goes on a little: the scavenger must bring the memory back by itself. */
static void scavenge_by_and_by(int way) {
    enum { BLOCK = 1 << 20, MEGABYTES = 100 };
    static void *p[MEGABYTES];
    const size_t start       = rss();
    options[OPTION_SCAVENGE] = SCAVENGE_BY_AND_BY;
    for (int i = 0; i < MEGABYTES; i++)
        memset(p[i] = gom_malloc(BLOCK), 1, BLOCK);
    for (int i = 0; i < MEGABYTES; i++)
        gom_free(p[i]);
    const size_t full = rss();
    wait_for(start + ((size_t)MEGABYTES << 19), go_on, (enum way)way);
    const size_t left = rss();
    printf("# after the free of %d MiB: resident +%.1f MiB, by and by +%.1f\n", MEGABYTES,
           mib(full - start), mib(left - start));
    fflush(stdout);
    _exit(full < start + ((size_t)MEGABYTES << 19) ||
          left > start + ((size_t)MEGABYTES << 19) + (4 << 20));
}

static void test_scavenger(void) {
    for (int way = 0; way < WAYS; way++)
        IS(status_of(scavenge_by_and_by, way), 0,
           "freed memory goes back by and by, not at once, while %s blocks are freed",
           way_names[way]);
}

/* The same of a program that stands still, with the background thread: a process of its own again,
 * for the option is read when it begins. */
static int stand_still(void) {
    enum { BLOCK = 1 << 20, COUNT = 100 };
    static void *p[COUNT];
    for (int i = 0; i < COUNT; i++)
        memset(p[i] = gom_malloc(BLOCK), 1, BLOCK);
    for (int i = 0; i < COUNT; i++)
        gom_free(p[i]);
    const size_t full = rss();
    wait_for(full / 2, NULL, WAYS);
    return rss() > full / 2;
}

static void with_thread(int unused) {
    (void)unused;
    setenv("GOMALLOC_SCAVENGE", "thread", 1);
    execl("/proc/self/exe", "test_memory", "stand-still", (char *)NULL);
    _exit(2);
}

static void test_background(void) {
    IS(status_of(with_thread, 0), 0, "the background thread gives back what an idle program holds");
}

#if defined(__SANITIZE_THREAD__)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "stand-still") == 0)
        return stand_still();
    test_failing_maps();
    if (SANITIZED) {
        tap_skip("resident memory and small spaces", "ThreadSanitizer's own memory is in the way");
        return tap_done();
    }
    test_small_space();
    test_comes_back();
    test_touched();
    test_mappings();
    test_scavenger();
    test_background();
    return tap_done();
}
