/* Blocks that grow and have no room: realloc moves their pages to a mapping of their own. Contents,
 * books and mappings stay right, whatever the kernel refuses. Each part runs in a process of its
 * own; mmap and mremap are this program's. */
#include "gomalloc.h"
#include "hardened.h"
#include "huge.h"
#include "options.h"
#include "os.h"
#include "tap.h"
#include "test_child.h"
#include "test_statm.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

enum { PAGE = PAGE_BYTES };

/* What the kernel is told to do. */
static bool moves_nothing, maps_nothing_again;
static atomic_uint moves; /* that succeeded, */
static atomic_uint calls; /* of all to mremap */

#if defined(__SANITIZE_THREAD__)
enum { SANITIZED = true }; /* and it must see the calls itself */
#else
enum { SANITIZED = false };

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset) {
    if (maps_nothing_again && flags & MAP_FIXED_NOREPLACE) {
        errno = EEXIST;
        return MAP_FAILED;
    }
    return os_pointer((uintptr_t)syscall(SYS_mmap, addr, len, prot, flags, fd, offset));
}

void *mremap(void *addr, size_t old_len, size_t new_len, int flags, ...) {
    void *to = NULL;
    va_list more;
    calls++;
    va_start(more, flags);
    if (flags & MREMAP_FIXED)
        to = va_arg(more, void *); // NOLINT(clang-analyzer-valist.Uninitialized): it is not
    va_end(more);
    if (moves_nothing && flags & MREMAP_FIXED) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    const long moved = syscall(SYS_mremap, addr, old_len, new_len, flags, to);
    moves += flags & MREMAP_FIXED && moved != -1;
    return os_pointer((uintptr_t)moved);
}
#endif

/* A word of each 4 KiB tells where it is. */
static void fill(void *block, size_t from, size_t to, size_t mark) {
    for (size_t at = (from + 4095) / 4096 * 4096; at + sizeof mark <= to; at += 4096)
        *(size_t *)((char *)block + at) = mark + at;
}

static bool is_filled(const void *block, size_t to, size_t mark) {
    for (size_t at = 0; at + sizeof mark <= to; at += 4096)
        if (*(const size_t *)((const char *)block + at) != mark + at)
            return false;
    return true;
}

static bool is_zero(const unsigned char *p, size_t size) {
    return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* Of the process; 0 where a sanitiser has some of its own. */
static size_t mappings(void) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    return 0;
#endif
    FILE *f  = fopen("/proc/self/maps", "r");
    size_t n = 0;
    for (int c; f && (c = getc(f)) != EOF;)
        n += c == '\n';
    if (f)
        fclose(f);
    return n;
}

static struct gom_memstats books(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return m;
}

static void expect(bool good, int code) {
    if (!good)
        _exit(code);
}

/* Is nothing in use, and is all that is free noted as such? */
static void expect_empty(int code) {
    gom_trim(0);
    const struct gom_memstats m = books();
    expect(m.heap_objects == 0 && m.heap_inuse == 0 && m.heap_alloc == 0, code);
    expect(m.heap_idle == m.heap_released && m.heap_sys == m.heap_idle, code + 1);
}

/* A block of the heap that cannot grow where it is: there is a block behind it. */
static char *cornered(size_t size, void **behind) {
    char *p = gom_malloc(size);
    *behind = gom_malloc(size);
    fill(p, 0, size, size);
    return p;
}

/* Two buffers grow in turn by a half each time. */
static void in_turn(int unused) {
    enum { BUFFERS = 2 };
    char *p[BUFFERS];
    (void)unused;
    gom_free(gom_malloc(MIB));
    const size_t start = SANITIZED ? 0 : rss(), maps = mappings();
    for (size_t b = 0; b < BUFFERS; b++)
        fill(p[b] = gom_malloc(300 * KIB), 0, 300 * KIB, b);
    for (size_t size = 300 * KIB; size < 24 * MIB; size += size / 2)
        for (size_t b = 0; b < BUFFERS; b++) {
            const size_t longer = size + size / 2;
            p[b]                = gom_realloc(p[b], longer);
            expect(p[b] && gom_usable_size(p[b]) >= longer, 1);
            fill(p[b], size, longer, b);
            expect(is_filled(p[b], longer, b), 2);
            expect(SANITIZED || rss() < start + BUFFERS * longer + 2 * MIB, 3);
            expect(mappings() <= maps + 6, 4);
        }
    expect(SANITIZED || moves > 8, 5);
    for (size_t b = 0; b < BUFFERS; b++)
        gom_free(p[b]);
    expect_empty(6);
    expect(mappings() <= maps + 3, 8); /* the heap is as whole as it was */
    _exit(0);
}

/* What the heap has in the old place is zero, and fit for use. */
static void old_place(int unused) {
    void *behind;
    (void)unused;
    char *p = cornered(MIB, &behind), *q = gom_realloc(p, 2 * MIB);
    const struct gom_memstats m = books();
    expect(q && q != p && is_filled(q, MIB, MIB), 1);
    expect(SANITIZED || moves == 1, 2);
    expect(m.heap_inuse == gom_usable_size(q) + MIB, 3);
    expect(m.heap_inuse + m.heap_idle == m.heap_sys && m.heap_idle == m.heap_released, 4);
    unsigned char *again = gom_calloc(1, MIB);
    expect((char *)again == p && is_zero(again, MIB), 5);
    memset(again, 1, MIB);
    expect(is_filled(q, MIB, MIB), 6);
    gom_free(again);
    gom_free(behind);
    gom_free(q);
    expect_empty(7);
    _exit(0);
}

/* A block grows by a page each time. Within the spare eighth nothing happens. */
static void small_steps(int unused) {
    unsigned moved = 0;
    void *behind;
    (void)unused;
    char *p = cornered(MIB, &behind);
    for (size_t size = MIB; size < 4 * MIB; size += PAGE) {
        char *q = gom_realloc(p, size);
        moved += q != p;
        p = q;
    }
    expect(is_filled(p, MIB, MIB) && moved < 16 && calls < 64, 1);
    for (size_t size = 4 * MIB; size > 40 * KIB; size -= size / 16) {
        p = gom_realloc(p, size);
        expect(is_filled(p, size < MIB ? size : MIB, MIB), 2);
        expect(gom_usable_size(p) < size + size / 4 + PAGE, 3);
    }
    gom_free(p);
    gom_free(behind);
    expect_empty(4);
    _exit(0);
}

/* The pages cannot be moved: by a copy. */
static void refused(int unused) {
    void *behind;
    (void)unused;
    moves_nothing = true;
    char *p = cornered(MIB, &behind), *q = gom_realloc(p, 2 * MIB);
    expect(q && q != p && is_filled(q, MIB, MIB), 1);
    gom_free(q);
    gom_free(behind);
    expect_empty(2);
    _exit(0);
}

/* Somebody else has mapped the old place. From then on the heap is smaller, and never uses it. */
static void taken(int unused) {
    enum { MANY = 64 };
    void *behind, *many[MANY];
    (void)unused;
    char *p            = cornered(MIB, &behind);
    const size_t sys   = books().heap_sys;
    maps_nothing_again = true;
    char *q            = gom_realloc(p, 2 * MIB);
    maps_nothing_again = false;
    expect(q && moves == 1 && is_filled(q, MIB, MIB), 1);
    expect(books().heap_sys == sys - MIB + gom_usable_size(q), 2);
    char *other = mmap(p, MIB, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    expect(other == p, 3);
    fill(other, 0, MIB, 7);
    for (size_t i = 0; i < MANY; i++)
        memset(many[i] = gom_malloc(i * 16 * KIB), 1, i * 16 * KIB);
    expect(is_filled(other, MIB, 7), 4);
    for (size_t i = 0; i < MANY; i++)
        gom_free(many[i]);
    gom_free(behind);
    gom_free(q);
    expect_empty(5);
    _exit(0);
}

/* A block that is several mappings is copied, and leaves no address space behind. */
static void split(int unused) {
    size_t space = 0;
    (void)unused;
    for (int round = 0; round < 4; round++) {
        void *behind;
        if (round == 2) /* what the heap has got it keeps */
            space = vsz();
        char *p    = cornered(MIB, &behind);
        char *page = p - (uintptr_t)p % PAGE + PAGE; /* hardened, a block begins behind its pages */
        expect(madvise(page, PAGE, MADV_DONTDUMP) == 0, 9);
        char *q = gom_realloc(p, 2 * MIB);
        expect(q && is_filled(q, MIB, MIB), 1);
        gom_free(q);
        gom_free(behind);
        expect(madvise(page, PAGE, MADV_DODUMP) == 0, 9);
    }
    expect(SANITIZED || HARDENED /* what waits */ || vsz() <= space, 2);
    expect_empty(3);
    _exit(0);
}

/* More blocks than may be moved: the others are copied. */
static void many(int unused) {
    enum { BLOCKS = 1100, MOVED = 1024, SIZE = 256 << 10 };
    static char *p[BLOCKS];
    (void)unused;
    const size_t maps = mappings();
    for (size_t i = 0; i < BLOCKS; i++)
        fill(p[i] = gom_malloc(SIZE), 0, 4096, i);
    for (size_t i = 0; i < BLOCKS; i++)
        p[i] = gom_realloc(p[i], SIZE + PAGE);
    expect(mappings() <= maps + MOVED + 32 && moves <= MOVED && moves > MOVED / 2, 1);
    for (size_t i = 0; i < BLOCKS; i++) {
        expect(is_filled(p[i], 4096, i), 2);
        gom_free(p[i]);
    }
    expect_empty(3);
    expect(mappings() <= maps + 32, 5);
    _exit(0);
}

/* Once such a block has been freed, others of that length are copied, and longer ones moved. */
static void learns(int unused) {
    void *behind[3];
    (void)unused;
    gom_free(gom_realloc(cornered(MIB, &behind[0]), 2 * MIB));
    char *p = gom_realloc(cornered(2 * MIB, &behind[1]), 3 * MIB);
    expect(moves == 1 && is_filled(p, 2 * MIB, 2 * MIB), 1);
    char *q = gom_realloc(cornered(3 * MIB, &behind[2]), 4 * MIB);
    expect(moves == 2 && is_filled(q, 3 * MIB, 3 * MIB), 2);
    gom_free(p);
    gom_free(q);
    for (size_t i = 0; i < 3; i++)
        gom_free(behind[i]);
    expect_empty(3);
    _exit(0);
}

/* In a forked child, each place in the heap that a block has left stays a mapping. */
static void many_of_child(int unused) {
    enum { BLOCKS = 600, LEFT = 512, SIZE = 256 << 10 };
    static char *p[BLOCKS];
    int status;
    (void)unused;
    for (size_t i = 0; i < BLOCKS; i++)
        fill(p[i] = gom_malloc(SIZE), 0, 4096, i);
    const pid_t pid = fork();
    if (pid == 0) {
        const size_t maps = mappings();
        for (size_t i = 0; i < BLOCKS; i++) {
            p[i] = gom_realloc(p[i], SIZE + PAGE);
            expect(is_filled(p[i], 4096, i), 2);
        }
        for (size_t i = 0; i < BLOCKS; i++)
            gom_free(p[i]);
        expect(moves <= LEFT && mappings() <= maps + 2 * LEFT + 32, 3);
        expect_empty(4);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    expect(status == 0, 1);
    _exit(0);
}

/* vm.overcommit_memory is 1. */
static bool kernel_promises_all(void) {
    FILE *f        = fopen("/proc/sys/vm/overcommit_memory", "r");
    const int mode = f ? getc(f) : '0';
    if (f)
        fclose(f);
    return mode == '1';
}

/* Beyond 64 MiB it is as a huge block: what is above memory is refused at once, also where there is
 * room for it behind the block. */
static void to_huge(int unused) {
    void *behind;
    struct sysinfo i;
    (void)unused;
    char *p = cornered(3 * MIB, &behind);
    sysinfo(&i);
    const size_t above = 2 * (i.totalram + i.totalswap) * (size_t)i.mem_unit;
    for (size_t size = 5 * MIB; size < 400 * MIB; size *= 2) {
        void *room =
            mmap(NULL, above + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        p = gom_realloc(p, size);
        expect(p && is_filled(p, 3 * MIB, 3 * MIB), 1);
        munmap(room, above + size);
        if (kernel_promises_all())
            continue;
        errno = 0;
        expect(!gom_realloc(p, above) && errno == ENOMEM, 2);
    }
    for (size_t size = 400 * MIB; size > 2 * MIB; size /= 2) {
        p = gom_realloc(p, size);
        expect(p && is_filled(p, size < 3 * MIB ? size : 3 * MIB, 3 * MIB), 3);
    }
    gom_free(p);
    gom_free(behind);
    expect_empty(4);
    _exit(0);
}

static void in_child(int unused) {
    void *behind, *corner;
    int status;
    (void)unused;
    char *p         = gom_realloc(cornered(MIB, &behind), 2 * MIB);
    const pid_t pid = fork();
    if (pid == 0) {
        char *mine = gom_realloc(cornered(MIB, &corner), 2 * MIB);
        expect(mine && is_filled(mine, MIB, MIB), 1);
        gom_free(mine);
        p = gom_realloc(p, 4 * MIB);
        expect(p && is_filled(p, MIB, MIB), 2);
        gom_free(p);
        gom_free(behind);
        gom_free(corner);
        expect_empty(3);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    expect(status == 0, 1);
    expect(is_filled(p, MIB, MIB), 2);
    _exit(0);
}

enum { THREADS = 4 };

static void *grow_and_shrink(void *argument) {
    enum { ROUNDS = 6 };
    const size_t mark = *(const size_t *)argument;
    char *p[ROUNDS];
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t size = 40 * KIB * (1 + round);
        char *q     = gom_malloc(size);
        fill(q, 0, size, mark);
        for (; size < 2 * MIB; size += size / 2) {
            q = gom_realloc(q, size + size / 2);
            expect(is_filled(q, size, mark), 1);
            fill(q, size, size + size / 2, mark);
        }
        q        = gom_realloc(q, size / 3);
        p[round] = gom_realloc(q, size / 2);
        expect(is_filled(p[round], size / 3, mark), 2);
    }
    for (size_t round = 0; round < ROUNDS; round++) /* not before: then they would be copied */
        gom_free(p[round]);
    return NULL;
}

static void in_threads(int unused) {
    pthread_t thread[THREADS];
    size_t mark[THREADS];
    (void)unused;
    for (size_t i = 0; i < THREADS; i++) {
        mark[i] = i << 32;
        expect(pthread_create(&thread[i], NULL, grow_and_shrink, &mark[i]) == 0, 9);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    expect_empty(3);
    _exit(0);
}

enum { OLD_PLACE, WITHIN, TWICE, BAD_FREES };

static void bad_free(int how) {
    void *behind;
    char *p = cornered(MIB, &behind), *q = gom_realloc(p, 2 * MIB);
    close(STDERR_FILENO);
    gom_free(how == OLD_PLACE ? p : how == WITHIN ? q + MIB : q);
    if (how == TWICE)
        gom_free(q);
    _exit(0);
}

int main(void) {
    options[OPTION_SCAVENGE] = SCAVENGE_NEVER;
    IS(status_of(in_turn, 0), 0,
       "two buffers that grow in turn: contents, never two of them resident, few mappings");
    if (HARDENED)
        tap_skip("the old place", "hardened, a block has 8 KiB more than such a size");
    else
        IS(status_of(old_place, 0), 0, "the old place is the heap's, and zero");
    IS(status_of(small_steps, 0), 0, "small steps do not move each time, and it shrinks again");
    IS(status_of(in_child, 0), 0, "a forked child has moved blocks, and moves its own");
    IS(status_of(in_threads, 0), 0, "four threads: nobody else's bytes");
    for (int how = 0; how < BAD_FREES; how++)
        IS(status_of(bad_free, how), 100 + SIGABRT, "a bad free is found: %s",
           how == OLD_PLACE ? "the old place"
           : how == WITHIN  ? "within"
                            : "twice");
    IS(status_of(split, 0), 0,
       "a block that is several mappings is copied, and leaves none behind");
    IS(status_of(to_huge, 0), 0, "a moved block becomes a huge one, which is granted or not");
    if (SANITIZED) {
        tap_skip("what the kernel refuses", "ThreadSanitizer must see the calls itself");
        return tap_done();
    }
    IS(status_of(refused, 0), 0, "where the kernel moves nothing, blocks are copied");
    if (HARDENED)
        tap_skip("a place that is taken", "hardened, a block has 8 KiB more than such a size");
    else
        IS(status_of(taken, 0), 0, "a place that somebody else has taken is never used again");
    IS(status_of(many, 0), 0, "so many blocks are moved at a time, and the others copied");
    IS(status_of(learns, 0), 0, "after the free of a moved block, others as long are copied");
    IS(status_of(many_of_child, 0), 0, "a forked child moves fewer: each place stays a mapping");
    return tap_done();
}
