/* Huge blocks: neither time nor what stays behind depends on their size, and what is above memory
 * and swap is refused at once. Not the clock is read here, but the system calls are counted: mmap,
 * munmap, mremap and madvise are this program's. Each part runs in a process of its own.
 *
 * A residue is what is resident after gom_trim minus that before, by /proc/self/statm, without
 * pages of files: these come by 64 KiB when code runs first. */
#include "arena.h"
#include "gomalloc.h"
#include "hardened.h"
#include "huge.h"
#include "os.h"
#include "tap.h"
#include "test_child.h"
#include "test_statm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB        ((size_t)1 << 20)
#define HUGE_BYTES ((size_t)HUGE_PAGES * PAGE_BYTES)

enum {
    RESIDUE_MAX = 64 << 10,
    CALLS_MAX   = 16, /* of one malloc, free and trim */
    FIRST_SHIFT = 26,
    LAST_SHIFT  = 46,
};

/* What the kernel saw and how it behaves. */
static atomic_uint calls;
static bool promises_all; /* as with vm.overcommit_memory=1 */
static bool moves_nothing;
static bool is_low; /* every choice of an address is lower than where there is room: no luck */

#if defined(__SANITIZE_THREAD__)
enum { SANITIZED = true }; /* and it must see the calls itself */
#else
enum { SANITIZED = false };

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset) {
    calls++;
    if (promises_all)
        flags |= MAP_NORESERVE;
    if (is_low && addr && !(flags & MAP_FIXED_NOREPLACE))
        addr = NULL;
    return os_pointer((uintptr_t)syscall(SYS_mmap, addr, len, prot, flags, fd, offset));
}

int munmap(void *addr, size_t len) {
    calls++;
    return (int)syscall(SYS_munmap, addr, len);
}

int madvise(void *addr, size_t len, int advice) {
    calls++;
    return (int)syscall(SYS_madvise, addr, len, advice);
}

void *mremap(void *addr, size_t old_len, size_t new_len, int flags, ...) {
    void *to = NULL;
    va_list more;
    calls++;
    va_start(more, flags);
    if (flags & MREMAP_FIXED)
        to = va_arg(more, void *); // NOLINT(clang-analyzer-valist.Uninitialized): it is not
    va_end(more);
    if (moves_nothing) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return os_pointer((uintptr_t)syscall(SYS_mremap, addr, old_len, new_len, flags, to));
}
#endif

/* vm.overcommit_memory: what a promise of the kernel's means. */
enum overcommit { GUESSES, PROMISES_ALL, KEEPS_BOOKS };

static enum overcommit overcommit(void) {
    int mode = GUESSES; /* the default, where there is nothing to read */
    FILE *f  = fopen("/proc/sys/vm/overcommit_memory", "r");
    if (f && fscanf(f, "%d", &mode) != 1)
        mode = GUESSES;
    if (f)
        fclose(f);
    return (enum overcommit)mode;
}

static bool is_above_memory(size_t bytes) {
    struct sysinfo i;
    sysinfo(&i);
    return bytes > (i.totalram + i.totalswap) * (size_t)i.mem_unit;
}

/* A free list, the first pages and the first huge block have their own cost, once. */
static void warm_up(void) {
    gom_free(gom_malloc(100));
    gom_free(gom_malloc(HUGE_BYTES));
    gom_trim(0);
    rss();
}

enum kind { MALLOC, CALLOC, ALIGNED, REALLOC, NOSCAN, STACK, PAGES, KINDS };
static const char *const kind_names[KINDS] = {
    "malloc",  "calloc", "aligned_alloc of 64 KiB", "realloc of 100 bytes", "noscan",
    "a stack", "pvalloc"};

/* A block of the kind and size, freed; false: NULL. */
static bool come_and_go(enum kind kind, size_t size) {
    void *p = kind == MALLOC    ? gom_malloc(size)
              : kind == CALLOC  ? gom_calloc(size / 64, 64)
              : kind == ALIGNED ? gom_aligned_alloc(size, 64 << 10)
              : kind == REALLOC ? gom_malloc(100)
              : kind == NOSCAN  ? gom_alloc(size, GOM_NOSCAN)
              : kind == STACK   ? gom_stack_alloc(size)
                                : gom_pvalloc(size);
    if (kind == REALLOC) {
        void *q = gom_realloc(p, size);
        gom_free(q ? q : p);
        return q;
    }
    if (kind == STACK)
        gom_stack_free(p);
    else
        gom_free(p);
    return p;
}

/* All sizes of a kind: the exit code is 0, or what went wrong. */
static void untouched(int kind) {
    size_t most         = 0;
    unsigned most_calls = 0, given = 0;
    promises_all |= overcommit() == PROMISES_ALL;
    warm_up();
    for (unsigned k = FIRST_SHIFT; k <= LAST_SHIFT; k++)
        for (size_t odd = 0; odd < (kind == ALIGNED ? 1 : 3); odd++) {
            const size_t size  = ((size_t)1 << k) + odd * ((size_t)1 << (k - 1)) + odd * 4097;
            const size_t start = rss();
            errno              = 0;
            calls              = 0;
            const bool good    = come_and_go((enum kind)kind, size);
            gom_trim(0);
            most_calls       = calls > most_calls ? calls : most_calls;
            const size_t end = rss();
            most             = end > start + most ? end - start : most;
            given += good;
            if (!good && errno != ENOMEM)
                _exit(1);
            if (!good && !promises_all && kind != ALIGNED && !is_above_memory(size))
                _exit(2);
            if (good && !promises_all && kind != ALIGNED && is_above_memory(size))
                _exit(3);
            if (!good && k < 45 && promises_all)
                _exit(4);
        }
    printf(
        "# %s, 2^%d to 2^%d bytes and between: %u given; at most %zu KiB stay, %u system calls\n",
        kind_names[kind], FIRST_SHIFT, LAST_SHIFT, given, most >> 10, most_calls);
    fflush(stdout);
    _exit(most > RESIDUE_MAX ? 5 : most_calls > CALLS_MAX ? 6 : 0);
}

static void untouched_overcommitted(int kind) {
    promises_all = true;
    untouched(kind);
}

/* Many at a time, in use at both ends, freed in another order; resident is what was touched. */
static void many(int unused) {
    enum { COUNT = 40 };
    static char *p[COUNT];
    (void)unused;
    promises_all = true;
    warm_up();
    const size_t start = rss();
    for (size_t i = 0; i < COUNT; i++) {
        const size_t size = (HUGE_BYTES << i % 8) + i * 12345;
        p[i]              = gom_malloc(size);
        p[i][0] = p[i][size / 2] = p[i][size - 1] = (char)i;
    }
    if (rss() > start + COUNT * 12 * sysconf(_SC_PAGESIZE))
        _exit(1);
    for (size_t i = 0; i < COUNT; i++) {
        const size_t at = i * 7 % COUNT, size = (HUGE_BYTES << at % 8) + at * 12345;
        if (gom_usable_size(p[at]) < size || p[at][0] != (char)at || p[at][size / 2] != (char)at ||
            p[at][size - 1] != (char)at)
            _exit(2);
        gom_free(p[at]);
    }
    gom_trim(0);
    /* per block: the pages of the table of arenas stay */
    _exit(rss() > start + (size_t)COUNT * 4096 + RESIDUE_MAX ? 3 : 0);
}

static void *come_and_go_often(void *unused) {
    for (size_t i = 0; i < 200; i++) {
        char *p = gom_calloc(1, HUGE_BYTES + i % 7 * MIB);
        if (!p || p[0] || p[HUGE_BYTES - 1])
            _exit(1);
        p[0] = p[HUGE_BYTES - 1] = 1;
        p                        = gom_realloc(p, HUGE_BYTES + i % 11 * MIB);
        if (!p || p[0] != 1 || p[HUGE_BYTES - 1] != 1)
            _exit(2);
        gom_free(p);
    }
    return unused;
}

static void in_threads(int unused) {
    enum { THREADS = 4 };
    pthread_t thread[THREADS];
    (void)unused;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, come_and_go_often, NULL) != 0)
            _exit(9);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    struct gom_memstats m;
    gom_memstats(&m);
    _exit(m.heap_objects != 0 ? 3 : 0);
}

static void in_child(int unused) {
    char *p = gom_malloc(HUGE_BYTES * 2);
    int status;
    (void)unused;
    p[0] = p[HUGE_BYTES] = 3;
    const pid_t pid      = fork();
    if (pid == 0) {
        char *q = gom_realloc(p, HUGE_BYTES * 4);
        if (!q || q[0] != 3 || q[HUGE_BYTES] != 3)
            _exit(1);
        gom_free(q);
        come_and_go_often(NULL);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    const bool kept = p[0] == 3 && p[HUGE_BYTES] == 3;
    gom_free(p);
    _exit(status ? 2 : kept ? 0 : 3);
}

static void fill(size_t *p, size_t from, size_t to) {
    for (size_t i = from / sizeof *p; i < to / sizeof *p; i += 4096 / sizeof *p)
        p[i] = i;
}

/* Hardly a byte was written, and none is copied: what was not touched stays untouched. */
static void aligned_resized(int shift) {
    enum { SIZE = 4 };
    warm_up();
    const size_t start = rss(), last = 2 * HUGE_BYTES;
    char *p = gom_aligned_alloc((size_t)1 << shift, SIZE * HUGE_BYTES);
    if (!p)
        _exit(1);
    p[0] = p[last] = 3;
    if (gom_realloc(p, SIZE * HUGE_BYTES) != p || gom_realloc(p, (SIZE - 1) * HUGE_BYTES) != p)
        _exit(2);
    p = gom_realloc(p, 2 * SIZE * HUGE_BYTES);
    if (!p || p[0] != 3 || p[last] != 3)
        _exit(3);
    if (rss() > start + HUGE_BYTES / 2) /* some, where the kernel has huge pages */
        _exit(4);
    gom_free_sized(p, 2 * SIZE * HUGE_BYTES);
    _exit(0);
}

static bool is_filled(const size_t *p, size_t to) {
    for (size_t i = 0; i < to / sizeof *p; i += 4096 / sizeof *p)
        if (p[i] != i)
            return false;
    return true;
}

/* Blocks grow and shrink; what is resident is never two of them. `low`: no address is aligned. */
static void resized(int low) {
    enum { STEPS = 9 };
    static const size_t mib[STEPS] = {64, 128, 192, 256, 200, 100, 40, 160, 20};
    void *others[STEPS];
    is_low = low;
    warm_up();
    const size_t start = rss(), space = vsz();
    size_t *p = gom_malloc(60 * MIB), had = 60 * MIB;
    fill(p, 0, had);
    for (size_t i = 0; i < STEPS; i++) {
        const size_t size = mib[i] * MIB;
        others[i]         = gom_malloc(HUGE_BYTES); /* so that there is no room beside it */
        void *old         = p;
        p                 = gom_realloc(p, size);
        const bool waits  = HARDENED && i == 0; /* the old one, in quarantine */
        if (p != old && !waits && arena_span_checked((uintptr_t)old))
            _exit(5);
        if (!p || !is_filled(p, had < size ? had : size))
            _exit(1);
        if (i == 0)
            gom_trim(0); /* this one is a copy: it came from the heap */
        if (had < size)
            fill(p, had, size);
        if (rss() > start + size + MIB)
            _exit(2);
        if (gom_usable_size(p) < size ||
            (gom_usable_size(p) > size + size / 4 && gom_usable_size(p) > HUGE_BYTES))
            _exit(3);
        had = size;
    }
    gom_free(p);
    for (size_t i = 0; i < STEPS; i++)
        gom_free(others[i]);
    gom_trim(0);
    /* what the heap has mapped for the first and the last one stays */
    _exit(rss() > start + MIB || vsz() > space + 2 * HUGE_BYTES ? 4 : 0);
}

/* By small steps around the least size: not a copy a step. */
static void by_small_steps(int unused) {
    unsigned moved = 0;
    (void)unused;
    char *p = gom_malloc(50 * MIB);
    for (int round = 0; round < 2; round++) {
        for (size_t size = 50 * MIB; size < 80 * MIB; size += MIB / 8) {
            char *q = gom_realloc(p, size);
            moved += q != p;
            p = q;
        }
        for (size_t size = 80 * MIB; size > 50 * MIB; size -= MIB / 8) {
            char *q = gom_realloc(p, size);
            moved += q != p;
            p = q;
        }
    }
    printf("# 960 steps between 50 and 80 MiB: %u moves\n", moved);
    fflush(stdout);
    gom_free(p);
    _exit(moved > 8);
}

/* Where the program has made several mappings of a block, it cannot be moved: it is copied, and of
 * the place that it would have moved to nothing stays. */
static void split(int call) {
    enum { ROUNDS = 3, PART = 1 << 20 };
    size_t space = 0;
    for (int round = 0; round < ROUNDS; round++) {
        if (round == 1) /* what the heap has got it keeps */
            space = vsz();
        unsigned char *p = gom_malloc(2 * HUGE_BYTES);
        fill((size_t *)p, 0, 2 * HUGE_BYTES);
        unsigned char *page = p - (uintptr_t)p % PAGE_BYTES;
        for (size_t at = PART; call < 2 && at < 2 * HUGE_BYTES; at *= 2)
            if (madvise(page + at, PART, call ? MADV_DONTDUMP : MADV_DONTFORK) != 0)
                _exit(3);
        if (call == 2 && mprotect(page + PART, PART, PROT_READ) != 0)
            _exit(3);
        size_t *q = gom_realloc(p, 4 * HUGE_BYTES);
        if (!q || !is_filled(q, 2 * HUGE_BYTES))
            _exit(1);
        gom_free(q);
    }
    _exit(vsz() > space + MIB ? 2 : 0);
}

static void refused(int unused) {
    char *p = gom_malloc(2 * HUGE_BYTES);
    (void)unused;
    p[0] = p[2 * HUGE_BYTES - 1] = 5;
    errno                        = 0;
    if (gom_realloc(p, (size_t)1 << ADDRESS_BITS) ||
        errno != ENOMEM) /* whatever the kernel promises */
        _exit(1);
    moves_nothing = true;
    char *q       = gom_realloc(p, 3 * HUGE_BYTES); /* by a copy */
    if (!q || q[0] != 5 || q[2 * HUGE_BYTES - 1] != 5)
        _exit(2);
    gom_free(q);
    moves_nothing      = false;
    const size_t space = vsz();
    for (int n = 0; n < 8; n++) {
        os_maps_left = n;
        p            = gom_malloc(HUGE_BYTES + n * MIB);
        os_maps_left = OS_NO_LIMIT;
        if (!p && errno != ENOMEM)
            _exit(3);
        gom_free(p);
    }
    _exit(vsz() > space + 2 * MIB ? 4 : 0); /* maps of arenas */
}

static void counted(int unused) {
    struct gom_memstats a, b, c;
    (void)unused;
    warm_up();
    gom_memstats(&a);
    void *p = gom_malloc(3 * HUGE_BYTES), *q = gom_stack_alloc(2 * HUGE_BYTES);
    p = gom_realloc(p, 4 * HUGE_BYTES);
    gom_memstats(&b);
    const int fd = open("/dev/null", O_WRONLY);
    gom_dump(fd);
    gom_free(p);
    gom_stack_free(q);
    gom_memstats(&c);
    const size_t size = 4 * HUGE_BYTES + (HARDENED ? PAGE_BYTES : 0);
    if (b.heap_inuse != a.heap_inuse + size || b.heap_idle != a.heap_idle ||
        b.stack_inuse != a.stack_inuse + 2 * HUGE_BYTES || b.heap_alloc != a.heap_alloc + size ||
        b.heap_objects != a.heap_objects + 1 || b.heap_sys != b.heap_inuse + b.heap_idle)
        _exit(1);
    _exit(c.heap_inuse != a.heap_inuse || c.stack_inuse != a.stack_inuse ||
          c.heap_sys != a.heap_sys || c.heap_alloc != a.heap_alloc ||
          c.heap_objects != a.heap_objects);
}

enum { FREED_TWICE, WITHIN, FAR_WITHIN, BAD_FREES };

static void bad_free(int how) {
    char *p = gom_malloc(3 * HUGE_BYTES);
    close(STDERR_FILENO);
    gom_free(how == WITHIN ? p + 8192 : how == FAR_WITHIN ? p + 2 * HUGE_BYTES : p);
    if (how == FREED_TWICE)
        gom_free(p);
    _exit(0);
}

/* What depends on the system's setting. */
static void test_promises(void) {
    if (overcommit() == KEEPS_BOOKS) {
        tap_skip("promises of more than there is",
                 "vm.overcommit_memory is 2: the kernel's books tell how much there is");
        return;
    }
    for (int kind = 0; kind < KINDS; kind++)
        IS(status_of(untouched, kind), 0,
           "%s, untouched, freed, trimmed: refused if it is above "
           "memory and swap, unless all is promised, and little stays",
           kind_names[kind]);
    for (int kind = 0; kind < KINDS; kind++)
        IS(status_of(untouched_overcommitted, kind), 0,
           "%s, where the system promises all: little stays", kind_names[kind]);
    IS(status_of(many, 0), 0, "many at a time: resident is what was touched");
}

/* From its least length to a half of that, a huge block is not copied. */
static void shorter(int unused) {
    char *p = gom_malloc(HUGE_BYTES + 6 * MIB), *less = gom_realloc(p, HUGE_BYTES - 4 * MIB);
    (void)unused;
    if (less != p)
        _exit(1);
    less = gom_realloc(less, HUGE_BYTES / 4);
    _exit(arena_span((uintptr_t)less)->npages <= HUGE_PAGES / 2 ? 0 : 2);
}

int main(void) {
    IS(status_of(shorter, 0), 0, "one that becomes a bit shorter than the least stays where it is");
    IS(status_of(in_threads, 0), 0, "four threads: zeros, and nobody else's bytes");
    IS(status_of(by_small_steps, 0), 0, "small steps around the least size do not copy each time");
    IS(status_of(counted, 0), 0, "statistics know them, and are as before after their free");
    for (int how = 0; how < BAD_FREES; how++)
        IS(status_of(bad_free, how), 100 + SIGABRT, "a bad free is found: %s",
           how == WITHIN       ? "within"
           : how == FAR_WITHIN ? "far within"
                               : "twice");
    if (SANITIZED) {
        tap_skip("resident memory", "ThreadSanitizer's own memory is in the way");
        return tap_done();
    }
    test_promises();
    IS(status_of(in_child, 0), 0, "a forked child has them, too");
    IS(status_of(resized, false), 0, "realloc moves pages, not bytes: never two blocks resident");
    IS(status_of(resized, true), 0, "also where no address suits at once");
    static const int shifts[] = {4, 6, 12, 16, 20, 27};
    for (size_t i = 0; i < sizeof shifts / sizeof *shifts; i++)
        IS(status_of(aligned_resized, shifts[i]), 0,
           "realloc copies none with an alignment of 2^%d", shifts[i]);
    for (int call = 0; call < 3; call++)
        IS(status_of(split, call), 0,
           "a block that is several mappings grows, and leaves none behind");
    IS(status_of(refused, 0), 0, "what cannot grow stays; failing maps leave nothing behind");
    return tap_done();
}
