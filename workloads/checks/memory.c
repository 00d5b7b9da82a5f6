/* What is freed is used again, and given back. C17 7.22.3.3p2: free "causes the space pointed to by
 * ptr to be deallocated, that is, made available for further allocation". How soon is left open,
 * and addresses are not memory: an allocator may let no address be used again for a long while.
 * So what is resident is judged, by a bound above what quarantines hold of it, 256 MiB in
 * AddressSanitizer's; hardened_malloc's hold addresses, of about 1280 regions. */
#include "allocating.h"
#include "check.h"

#include <pthread.h>
#include <string.h>

enum { QUARANTINE = 384 << 20, OFTEN = 32 << 20 };

/* In a child: makes and frees blocks of each size, each page of them written, of more bytes in all
 * than may stay resident. What the first of them costs, however much, is not counted. */
struct churn {
    const struct maker *maker;
    unsigned way; /* to free: 0 free, 1 sized, 2 realloc */
};

static const struct {
    size_t size, times;
} rounds[] = {{3 << 20, 340}, {100032, 10000}, {4096, 260000}, {64, 8000000}};
enum { SIZES = sizeof rounds / sizeof *rounds };
_Static_assert(340 * (3l << 20) > 2l * QUARANTINE && 10000 * 100032l > 2l * QUARANTINE &&
                   260000 * 4096l > 2l * QUARANTINE && 8000000 * 64l > QUARANTINE + OFTEN,
               "what is never used again shows");

static void write_pages(unsigned char *block, size_t size) {
    const size_t page = 4096;
    for (size_t at = 0; at < size; at += page)
        block[at] = 1;
}

static void release(const struct check_run *c, const struct churn *churn, void *block,
                    size_t size) {
    if (churn->way == 1 && churn->maker->takes_alignment)
        c->a->free_aligned_sized(block, 64, size);
    else if (churn->way == 1)
        c->a->free_sized(block, size);
    else
        c->a->free(block);
}

/* One block, or three of them by realloc. False: NULL was given. */
static bool use_one(struct check_run *c, const struct churn *churn, size_t size, size_t round) {
    unsigned char *block = churn->maker->make(c->a, 64, size);
    if (!check_that(c, block != NULL, "freed space is made available for further allocation",
                    "%s of %zu bytes gave NULL after %zu rounds with a free in each",
                    churn->maker->name, size, round))
        return false;
    write_pages(block, size);
    if (churn->way == 2) {
        block = c->a->realloc(block, size / 2);
        block = c->a->realloc(block, size * 2);
        if (!check_that(c, block != NULL, "freed space is made available for further allocation",
                        "realloc to %zu bytes gave NULL after %zu rounds", size * 2, round))
            return false;
        write_pages(block, size * 2);
    }
    release(c, churn, block, size);
    return true;
}

static void churn_size(struct check_run *c, const struct churn *churn, size_t size, size_t times) {
    const size_t before = check_rss(), often = OFTEN / size;
    for (size_t i = 0; i < times; i++) {
        if (!use_one(c, churn, size, i))
            return;
        if (i % often && i < times - 1)
            continue;
        check_progress(c);
        const size_t now = check_rss();
        MUST(c, now < before + QUARANTINE, "freed space is made available for further allocation",
             "after %zu rounds of %s of %zu bytes and a free, %zu MiB more are resident", i + 1,
             churn->maker->name, size, (now - before) >> 20);
    }
}

static void churn(struct check_run *c, void *arg) {
    const struct churn *churn = arg;
    const struct maker *m     = churn->maker;
    void *first               = m->make(c->a, 64, 64);
    if (!first && m->takes_alignment)
        return check_unsupported(c, "%s refuses an alignment of 64", m->name);
    MUST(c, first != NULL, "a block", "at first, %s of 64 bytes gave NULL", m->name);
    c->a->free(first);
    for (size_t s = 0; s < SIZES && c->verdict == CHECK_PASS; s++) {
        /* by realloc, there are three blocks in each */
        const size_t times = rounds[s].times / (churn->way == 2 && rounds[s].size == 64 ? 2 : 1);
        churn_size(c, churn, rounds[s].size, times);
    }
}

static void reuses(struct check_run *c, size_t maker, unsigned way) {
    struct churn arg = {&makers[maker], way};
    check_child(c, churn, &arg, 60, "freed space is made available for further allocation");
}

#define REUSE_CHECK(function, name_, maker, way, profiles_, needs_, clause_, what)                 \
    CHECK(function, .name = "memory." name_, .kind = CHECK_REQUIRED, .profiles = (profiles_),      \
          .needs = (needs_), .clause = (clause_), .summary = "memory is used again after " what) { \
        reuses(c, maker, way);                                                                     \
    }

REUSE_CHECK(reuse_malloc, "reuse_malloc", 0, 0, PROFILES_C, 0, "C17 7.22.3.3p2", "malloc and free")
REUSE_CHECK(reuse_calloc, "reuse_calloc", 1, 0, PROFILES_C, NEEDS_CALLOC, "C17 7.22.3.3p2",
            "calloc and free")
REUSE_CHECK(reuse_realloc, "reuse_realloc", 0, 2, PROFILES_C, NEEDS_REALLOC,
            "C17 7.22.3.5p2: deallocates the old object", "realloc and free")
REUSE_CHECK(reuse_aligned, "reuse_aligned_alloc", 4, 0, PROFILES_C, NEEDS_ALIGNED_ALLOC,
            "C17 7.22.3.3p2", "aligned_alloc and free")
REUSE_CHECK(reuse_posix, "reuse_posix_memalign", 5, 0, PROFILES_POSIX, NEEDS_POSIX_MEMALIGN,
            "POSIX.1-2024 free, DESCRIPTION", "posix_memalign and free")
REUSE_CHECK(reuse_sized, "reuse_free_sized", 0, 1, PROFILE_C23, NEEDS_FREE_SIZED, "C23 7.24.3.4p2",
            "malloc and free_sized")
REUSE_CHECK(reuse_aligned_sized, "reuse_free_aligned_sized", 4, 1, PROFILE_C23,
            NEEDS_FREE_ALIGNED_SIZED | NEEDS_ALIGNED_ALLOC, "C23 7.24.3.5p2",
            "aligned_alloc and free_aligned_sized")

/* Who holds addresses for long runs out of them sooner, and maps more. */
CHECK(addresses, .name = "memory.addresses", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .clause  = "promised by nobody: an address space, too, is finite, getrlimit(2)",
      .summary = "4 GiB of blocks of 3 MiB, each freed at once, map less than 1 GiB more") {
    enum { TIMES = 1365 };
    const size_t size = 3 << 20;
    c->a->free(c->a->malloc(size)); /* what is reserved at first, however much, is not counted */
    const size_t before = check_vsz();
    for (size_t i = 0; i < TIMES; i++) {
        unsigned char *it = c->a->malloc(size);
        MUST(c, it != NULL, "a block", "malloc(%zu) gave NULL after %zu frees", size, i);
        *it = 1;
        c->a->free(it);
    }
    const size_t after = check_vsz();
    MUST(c, after < before + ((size_t)1 << 30), "addresses are used again",
         "after %d blocks of %zu bytes, %zu MiB more are mapped", TIMES, size,
         (after - before) >> 20);
}

/* --- memory of a thread that ended, or that another frees --- */

static void *one_life(void *arg) {
    const struct check_run *c = arg;
    void *block[512];
    for (size_t i = 0; i < 512; i++)
        if ((block[i] = c->a->malloc(8192)))
            memset(block[i], 1, 8192);
    for (size_t i = 0; i < 512; i++)
        c->a->free(block[i]);
    return NULL;
}

CHECK(reuse_threads, .name = "memory.reuse_threads", .kind = CHECK_REQUIRED, .profiles = PROFILES_C,
      .clause  = "C17 7.22.3.3p2",
      .summary = "what a thread freed before its end is used again by later threads") {
    enum { THREADS = 1000 };
    const size_t before = check_rss();
    for (size_t i = 0; i < THREADS; i++) { /* 4 MiB each */
        pthread_t thread;
        if (pthread_create(&thread, NULL, one_life, c) != 0)
            return check_unsupported(c, "no thread can be created");
        pthread_join(thread, NULL);
        MUST(c, i % 16 || check_rss() < before + QUARANTINE,
             "freed space is made available for further allocation",
             "%zu threads that freed all left %zu MiB resident", i + 1,
             (check_rss() - before) >> 20);
    }
}

/* --- given back --- */

enum { BLOCKS = 65536, SIZE = 1000 };
static void *block[BLOCKS];

CHECK(returned, .name = "memory.returned", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .needs = NEEDS_PURGE, .clause = "malloc_trim(3)",
      .summary = "after 62 MiB of small blocks are freed and purged, most is the system's again") {
    const size_t before = check_rss();
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = c->a->malloc(SIZE);
        MUST(c, block[i] != NULL, "a block", "malloc(%d) gave NULL", SIZE);
        memset(block[i], 1, SIZE);
    }
    const size_t full = check_rss();
    for (size_t i = 0; i < BLOCKS; i++)
        c->a->free(block[i]);
    c->a->purge(0);
    const size_t after = check_rss();
    MUST(c, after < before + (full - before) / 4, "at most a quarter stays resident",
         "of %zu KiB, %zu KiB stayed resident", (full - before) >> 10, (after - before) >> 10);
}

/* Robson's bound for any allocator that moves nothing is log2(n) / 2 times the live bytes. Halves
 * of that, in one size at a time, come from classes that cannot lend each other pages. */
CHECK(phases, .name = "memory.phases", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .clause  = "J. M. Robson, JACM 21(3), 1974: bounds of fragmentation",
      .summary = "phases of one size after another stay below four times the live bytes") {
    enum { LIVE = 32 << 20 };
    const size_t before = check_rss();
    size_t most         = 0;
    for (size_t size = 16; size <= 65536; size = size * 7 / 4) {
        const size_t count = LIVE / size < BLOCKS ? LIVE / size : BLOCKS;
        for (size_t i = 0; i < count; i++) {
            block[i] = c->a->malloc(size);
            MUST(c, block[i] != NULL, "a block", "malloc(%zu) gave NULL", size);
            memset(block[i], 1, size);
        }
        const size_t now = check_rss();
        most             = now > most ? now : most;
        for (size_t i = 0; i < count; i++)
            c->a->free(block[i]);
    }
    MUST(c, most < before + 4 * (size_t)LIVE, "less than four times the live bytes",
         "%zu MiB were resident for at most %d MiB of live blocks", (most - before) >> 20,
         LIVE >> 20);
}
