/* What is freed is used again, and given back. C17 7.22.3.3p2: free "causes the space pointed to by
 * ptr to be deallocated, that is, made available for further allocation". How soon is left open:
 * the bounds here are above what quarantines hold, 256 MiB in AddressSanitizer's. */
#include "check.h"
#include "maker.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

enum { ALLOWED = 1 << 30, QUARANTINE = 512 << 20 };

/* In a child that may map one GiB more than with a block of each size: makes and frees many times
 * that. What the allocator reserves at the first of them, however much, is not counted. */
struct churn {
    const struct maker *maker;
    unsigned way; /* to free: 0 free, 1 sized, 2 realloc */
};

static void churn(struct check_run *c, void *arg) {
    const struct churn *churn   = arg;
    const struct maker *m       = churn->maker;
    static const size_t sizes[] = {3 << 20, 100000, 4096, 48};
    struct rlimit l             = {0};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        void *block = m->make(c->a, 64, (sizes[s] + 63) & ~(size_t)63);
        if (!block && m->takes_alignment)
            return check_unsupported(c, "%s refuses an alignment of 64", m->name);
        MUST(c, block != NULL, "a block", "at first, %s of %zu bytes gave NULL", m->name, sizes[s]);
        if (churn->way == 2) {
            block = c->a->realloc(block, sizes[s] / 2);
            block = c->a->realloc(block, sizes[s] * 2); /* looked at below */
        }
        c->a->free(block);
    }
    getrlimit(RLIMIT_AS, &l);
    l.rlim_cur = check_vsz() + ALLOWED;
    setrlimit(RLIMIT_AS, &l);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t size = sizes[s], before = check_rss();
        /* of the smallest, as many as fill more than a quarantine; by realloc, three blocks each */
        const size_t times = size == 48     ? (churn->way == 2 ? 4000000 : 12000000)
                             : size == 4096 ? 300000
                                            : 4 * ((size_t)ALLOWED / size);
        for (size_t i = 0; i < times; i++) {
            unsigned char *block = m->make(c->a, 64, (size + 63) & ~(size_t)63);
            MUST(c, block != NULL, "freed space is made available for further allocation",
                 "%s of %zu bytes gave NULL after %zu rounds with a free in each", m->name, size,
                 i);
            *block = 1;
            if (churn->way == 2) {
                block = c->a->realloc(block, size / 2);
                block = c->a->realloc(block, size * 2);
                MUST(c, block != NULL, "freed space is made available for further allocation",
                     "realloc to %zu bytes gave NULL after %zu rounds", size * 2, i);
                *block = 1;
            }
            if (churn->way == 1 && m->takes_alignment)
                c->a->free_aligned_sized(block, 64, (size + 63) & ~(size_t)63);
            else if (churn->way == 1)
                c->a->free_sized(block, (size + 63) & ~(size_t)63);
            else
                c->a->free(block);
        }
        MUST(c, check_rss() < before + QUARANTINE,
             "freed space is made available for further allocation",
             "after %zu rounds of %s of %zu bytes and a free, %zu MiB more are resident", times,
             m->name, size, (check_rss() - before) >> 20);
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

/* Robson's bound for any allocator that moves nothing is log2(n) / 2 times the live bytes; halves
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
