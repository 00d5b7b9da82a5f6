/* Where the heap begins: elsewhere in each process, always at the same address where the process
 * has no randomisation, and for the same memory anywhere.
 *
 * GOMALLOC_STARTS=4096 test_base measures the entropy; without it, a few starts. */
#include "arena.h"
#include "gomalloc.h"
#include "mheap.h"
#include "os.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STARTS = 40, STARTS_MAX = 1 << 16, BITS = 20, HEAP_BLOCKS = 60 };

#if defined(__SANITIZE_THREAD__)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif
#if defined(__SANITIZE_ADDRESS__)
enum { SHADOWED = true };
#else
enum { SHADOWED = false };
#endif

struct start {
    uintptr_t base;  /* of the heap: the address of its first page */
    size_t metadata; /* resident pages of its maps and bitmaps */
};

static size_t resident_pages(const void *memory, size_t bytes) {
    static unsigned char resident[1024];
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)memory & -page;
    const size_t n = ((uintptr_t)memory + bytes - from + page - 1) / page;
    size_t count   = 0;
    if (n > sizeof resident || mincore(os_pointer(from), n * page, resident) != 0)
        _exit(3);
    for (size_t i = 0; i < n; i++)
        count += resident[i] & 1;
    return count;
}

/* In a new process: a heap of some 60 MiB, and what is known of it. */
static int report(void) {
    struct start s = {0};
    for (int i = 0; i < HEAP_BLOCKS; i++) {
        void *p = gom_malloc(1 << 20);
        if (!p)
            return 2;
        if (i == 0)
            s.base = (uintptr_t)p;
    }
    for (size_t r = mheap.pages.first_region; r < mheap.pages.end_region; r++)
        if (mheap.pages.region[r])
            s.metadata += resident_pages(mheap.pages.region[r], sizeof *mheap.pages.region[r]);
    size_t first, end;
    arena_bounds(&first, &end);
    for (size_t i = first; i < end; i++) {
        const struct heap_arena *a = arena_of((uintptr_t)i << ARENA_SHIFT);
        s.metadata += a ? resident_pages(a, sizeof *a) : 0;
    }
    return write(STDOUT_FILENO, &s, sizeof s) == sizeof s ? 0 : 1;
}

/* False: it could not be started so. */
static bool start(bool at_random, struct start *s) {
    int ends[2], status;
    fflush(stdout);
    if (pipe(ends) != 0)
        return false;
    const pid_t pid = fork();
    if (pid == 0) {
        const int now = personality(0xffffffff);
        dup2(ends[1], STDOUT_FILENO);
        if (now == -1 || personality((unsigned long)(at_random ? now & ~ADDR_NO_RANDOMIZE
                                                               : now | ADDR_NO_RANDOMIZE)) == -1)
            _exit(77);
        execl("/proc/self/exe", "test_base", "report", (char *)NULL);
        _exit(76);
    }
    close(ends[1]);
    const bool good = read(ends[0], s, sizeof *s) == sizeof *s;
    close(ends[0]);
    waitpid(pid, &status, 0);
    return good && status == 0;
}

/* Different values of the bits of bases from a place on, at most 13. */
static size_t different(const struct start *s, size_t n, unsigned shift, unsigned bits) {
    static bool seen[1 << 13];
    size_t count = 0;
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < n; i++) {
        const size_t value = s[i].base >> shift & (((size_t)1 << bits) - 1);
        count += !seen[value];
        seen[value] = true;
    }
    return count;
}

static int by_base(const void *a, const void *b) {
    const uintptr_t x = ((const struct start *)a)->base, y = ((const struct start *)b)->base;
    return x < y ? -1 : x > y;
}

static void test_random(void) {
    static struct start s[STARTS_MAX];
    const char *wanted = getenv("GOMALLOC_STARTS");
    const long asked   = wanted ? strtol(wanted, NULL, 10) : STARTS;
    const size_t n     = asked >= STARTS && asked <= STARTS_MAX ? (size_t)asked : STARTS;
    size_t failed = 0, equal = 0, less = SIZE_MAX, most = 0, outside = 0;
    for (size_t i = 0; i < n; i++) {
        failed += !start(true, &s[i]);
        less = s[i].metadata < less ? s[i].metadata : less;
        most = s[i].metadata > most ? s[i].metadata : most;
        outside += s[i].base >> ADDRESS_BITS != 0;
    }
    IS(failed, 0, "%zu processes have started", n);
    IS(outside, 0, "their heaps are where the tables reach");
    qsort(s, n, sizeof *s, by_base);
    for (size_t i = 0, run = 0; i < n; i++) {
        run = i && s[i].base == s[i - 1].base ? run + 1 : 0;
        equal += run; /* pairs */
    }
    /* Of 20 bits one would expect so many pairs; a few more may happen. */
    const double pairs = (double)n * (double)(n - 1) / 2, expected = pairs / (double)(1 << BITS);
    printf("# %zu starts from 0x%zx to 0x%zx, %zu pairs of equal bases; 2^%d bases: %.2f\n", n,
           (size_t)s[0].base, (size_t)s[n - 1].base, equal, BITS, expected);
    OK((double)equal <= 1 + 3 * expected, "bases are at random in at least about 2^%d places",
       BITS);
    /* Even a few starts show whether either part is: of some 5,000 regions and of 240 arenas. */
    OK(different(s, n, REGION_SHIFT, 13) > STARTS / 2, "the region is at random");
    OK(different(s, n, ARENA_SHIFT, REGION_SHIFT - ARENA_SHIFT) > STARTS / 2,
       "and the arena in it");
    printf("# %zu to %zu resident pages of metadata\n", less, most);
    if (SHADOWED)
        tap_skip("memory of metadata", "AddressSanitizer's shadow is where many hints are");
    else
        IS(most, less, "the base does not matter to the memory of its metadata");
}

static void test_fixed(void) {
    struct start a = {0}, b = {0};
    const bool good = start(false, &a) && start(false, &b);
    OK(good && a.base && a.base == b.base && a.metadata == b.metadata,
       "without randomisation the base is always the same: 0x%zx", (size_t)a.base);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "report") == 0)
        return report();
    struct start s;
    if (!start(false, &s)) {
        tap_skip("where the heap begins", "the process may not choose its personality");
        return tap_done();
    }
    test_fixed();
    if (SANITIZED)
        tap_skip("bases at random", "ThreadSanitizer's runtime wants fixed addresses");
    else
        test_random();
    return tap_done();
}
