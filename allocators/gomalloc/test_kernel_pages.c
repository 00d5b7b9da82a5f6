/* Kernels whose pages are larger than the heap's: 16, 32 and 64 KiB (aarch64, ppc64le). This file
 * is that kernel: its mmap, munmap, madvise and sysconf are this program's, and round as
 * mm/madvise.c and mm/mmap.c do. A start that is not of a page is EINVAL; a length is rounded up,
 * also over what the caller did not name. Each part runs in a process of its own. */
#include "gomalloc.h"
#include "mheap.h"
#include "os.h"
#include "tap.h"
#include "test_away.h"
#include "test_random.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t kernel_page = 4096;

/* What the kernel saw. */
static _Atomic size_t refused, longer, given_back, moved_parts;

static size_t rounded(size_t bytes) {
    return (bytes + kernel_page - 1) & -kernel_page;
}

static bool is_aligned(const void *address) {
    return (uintptr_t)address % kernel_page == 0;
}

static int answer(long code) {
    if (code == 0)
        return 0;
    errno = EINVAL;
    return -1;
}

/* More than is asked for, so that some of it is aligned; the rest goes back. */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset) {
    const bool fixed = addr && flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (fixed && !is_aligned(addr)) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    const size_t bytes = rounded(len), more = fixed || kernel_page == 4096 ? 0 : kernel_page;
    const long got = syscall(SYS_mmap, addr, bytes + more, prot, flags, fd, offset);
    if (got == -1)
        return MAP_FAILED;
    const uintptr_t memory = (uintptr_t)got, at = more ? rounded(memory) : memory;
    if (at > memory)
        syscall(SYS_munmap, memory, at - memory);
    if (memory + more > at)
        syscall(SYS_munmap, at + bytes, memory + more - at);
    return os_pointer(at);
}

int munmap(void *addr, size_t len) {
    return answer(is_aligned(addr) ? syscall(SYS_munmap, addr, rounded(len)) : -1);
}

int madvise(void *addr, size_t len, int advice) {
    if (!is_aligned(addr)) {
        refused++;
        return answer(-1);
    }
    longer += rounded(len) != len;
    given_back += advice == MADV_DONTNEED ? rounded(len) : 0;
    return answer(syscall(SYS_madvise, addr, rounded(len), advice));
}

void *mremap(void *addr, size_t old_len, size_t new_len, int flags, ...) {
    void *to = NULL;
    va_list more;
    va_start(more, flags);
    if (flags & MREMAP_FIXED)
        to = va_arg(more, void *); // NOLINT(clang-analyzer-valist.Uninitialized): it is not
    va_end(more);
    moved_parts += (old_len | new_len) % kernel_page != 0;
    if (!is_aligned(addr) || !is_aligned(to)) {
        moved_parts++;
        errno = EINVAL;
        return MAP_FAILED;
    }
    return os_pointer((uintptr_t)syscall(SYS_mremap, addr, old_len, new_len, flags, to));
}

/* The other names are not asked for by what is tested. */
long sysconf(int name) {
    return name == _SC_PAGESIZE ? (long)kernel_page : -1;
}

static uint64_t state = 1;

enum { MANY = 1600 };
static unsigned char *blocks[MANY];

/* A byte of each 512 stands for the others. */
static void fill(unsigned char *p, size_t size, unsigned char with) {
    for (size_t k = 0; k < size; k += 512)
        p[k] = with;
}

static bool is_filled(const unsigned char *p, size_t size, unsigned char with) {
    for (size_t k = 0; k < size; k += 512)
        if (p[k] != with)
            return false;
    return true;
}

static unsigned char mark(size_t i) {
    return (unsigned char)(i % 251 + 1);
}

enum choice { FIRST_OF_PAGE, EVERY_SECOND, MOST, RUNS, CHOICES };

static bool chosen(enum choice choice, size_t i) {
    switch (choice) {
    case FIRST_OF_PAGE: return (uintptr_t)blocks[i] % kernel_page == 0;
    case EVERY_SECOND: return i % 2;
    case MOST: return next_random(&state) % 20 != 0;
    default: return i / 40 % 2;
    }
}

static size_t damaged(size_t n, size_t size) {
    size_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad += blocks[i] && !is_filled(blocks[i], size, mark(i));
    return bad;
}

/* The books: what counts as scavenged is zero. calloc believes them. */
static size_t not_zero(size_t n, size_t size) {
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        if (blocks[i])
            continue;
        blocks[i] = gom_calloc(1, size);
        bad += !is_filled(blocks[i], size, 0);
        fill(blocks[i], size, mark(i));
    }
    return bad;
}

static struct gom_memstats stats(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return m;
}

/* Some blocks of a size are freed and trimmed, used again, and all freed. The exit code tells what
 * went wrong. */
static void some_freed(size_t size, enum choice choice) {
    const size_t n = size > 32768 ? MANY / 8 : MANY;
    for (size_t i = 0; i < n; i++)
        fill(blocks[i] = gom_malloc(size), size, mark(i));
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < n; i++)
            if (chosen(choice, i)) {
                gom_free(blocks[i]);
                blocks[i] = NULL;
            }
        gom_trim(0);
        if (damaged(n, size))
            _exit(1);
        if (not_zero(n, size) || damaged(n, size))
            _exit(2);
    }
    for (size_t i = 0; i < n; i++)
        gom_free(blocks[i]);
    gom_trim(0);
    wait_for_pages();
    const struct gom_memstats m = stats();
    if (m.heap_idle - m.heap_released >= kernel_page || given_back < n * size / 2)
        _exit(3);
    _exit(refused || longer ? 4 : 0);
}

/* Large blocks lose their ends, which are not the kernel's page ends. */
static void shrunk(size_t unused, enum choice never) {
    (void)unused;
    (void)never;
    enum { COUNT = 100, LONG = 200 << 10 };
    size_t size[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        fill(blocks[i] = gom_malloc(LONG), LONG, mark(i));
    for (size_t i = 0; i < COUNT; i++) {
        size[i]   = 33000 + next_random(&state) % 160000;
        blocks[i] = gom_realloc(blocks[i], size[i]);
        if (i % 16 == 0)
            gom_trim(0);
    }
    gom_trim(0);
    for (size_t i = 0; i < COUNT; i++) {
        if (!is_filled(blocks[i], size[i], mark(i)))
            _exit(1);
        gom_free(blocks[i]);
    }
    _exit(refused || longer ? 4 : 0);
}

/* Blocks that grow and cannot where they are. They begin and end anywhere in the kernel's pages. */
static void grown(size_t unused, enum choice never) {
    (void)unused;
    (void)never;
    enum { COUNT = 60 };
    size_t size[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size[i] = (256 << 10) + i * 9 % 32 * 8192;
        fill(blocks[i] = gom_malloc(size[i]), size[i], mark(i));
    }
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = gom_realloc(blocks[i], size[i] + 100000);
        if (damaged(i + 1, size[i] < 256 << 10 ? size[i] : 256 << 10))
            _exit(1);
        memset(blocks[i] + size[i], 1, 100000);
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (!is_filled(blocks[i], size[i], mark(i)))
            _exit(2);
        gom_free(blocks[i]);
    }
    gom_trim(0);
    _exit(refused || longer || moved_parts ? 4 : 0);
}

/* Not gom_trim but the scavenger gives back, a few pages at a time. */
static void by_and_by(size_t size, enum choice choice) {
    for (size_t i = 0; i < MANY; i++)
        fill(blocks[i] = gom_malloc(size), size, mark(i));
    for (size_t i = 0; i < MANY; i++)
        if (chosen(choice, i)) {
            gom_free(blocks[i]);
            blocks[i] = NULL;
        }
    for (size_t pages = 1; mheap_scavenge(pages, pages % 2); pages = pages % 30 + 1)
        ;
    _exit(damaged(MANY, size) ? 1 : not_zero(MANY, size) ? 2 : refused || longer ? 4 : 0);
}

/* The same by four threads at once, each in its part of the blocks. */
enum { THREADS = 4, PART = MANY / THREADS };

static void *part_of_blocks(void *argument) {
    const size_t first = *(const size_t *)argument, size = 8192;
    for (int round = 0; round < 6; round++) {
        for (size_t i = first; i < first + PART; i++)
            if (!blocks[i])
                fill(blocks[i] = gom_malloc(size), size, mark(i));
        for (size_t i = first; i < first + PART; i++)
            if (i % 8 != (size_t)round) {
                if (!is_filled(blocks[i], size, mark(i)))
                    _exit(1);
                gom_free(blocks[i]);
                blocks[i] = NULL;
            }
        gom_trim(0);
    }
    return NULL;
}

static void in_threads(size_t size, enum choice never) {
    (void)never;
    pthread_t thread[THREADS];
    size_t first[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        first[i] = i * PART;
        if (pthread_create(&thread[i], NULL, part_of_blocks, &first[i]) != 0)
            _exit(9);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    _exit(damaged(MANY, size) ? 1 : refused || longer ? 4 : 0);
}

/* A kernel's page whose other parts were never used goes back, too. */
static void beside_fresh(size_t unused, enum choice never) {
    (void)unused;
    (void)never;
    enum { COUNT = 100 };
    for (size_t i = 0; i < COUNT; i++)
        memset(blocks[i] = gom_aligned_alloc(kernel_page, 8192), 1, 8192);
    for (size_t i = 0; i < COUNT; i++)
        gom_free(blocks[i]);
    gom_trim(0);
    const struct gom_memstats m = stats();
    _exit(m.heap_idle != m.heap_released || refused || longer);
}

/* What is not a whole page of the kernel's is refused before the kernel sees it. */
static void parts(size_t unused, enum choice never) {
    (void)unused;
    (void)never;
    unsigned char *p = os_map(4 * kernel_page);
    memset(p, 1, 4 * kernel_page);
    if (os_release(p, kernel_page / 2) || os_release(p + kernel_page / 2, kernel_page) ||
        !os_release(p + kernel_page, kernel_page))
        _exit(1);
    for (size_t i = 0; i < 4 * kernel_page; i++)
        if (p[i] != (i / kernel_page != 1))
            _exit(2);
    _exit(refused || longer);
}

static int status_of(void (*part)(size_t, enum choice), size_t size, enum choice choice) {
    int status;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        part(size, choice);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

#if defined(__SANITIZE_THREAD__)
enum { ALL = false }; /* one thread: nothing for it to find, and slow */
#else
enum { ALL = true };
#endif

int main(void) {
    static const size_t sizes[]     = {64, 3000, 8192, 9472, 40960};
    static const char *const ways[] = {"the first of each kernel's page", "every second",
                                       "19 of 20", "runs of 40"};
    for (kernel_page = 16 << 10; kernel_page <= 64 << 10; kernel_page *= 2) {
        printf("# pages of %zu KiB\n", kernel_page >> 10);
        IS(status_of(in_threads, 8192, 0), 0, "four threads free and trim at once");
        for (size_t i = 0; ALL && i < sizeof sizes / sizeof *sizes; i++)
            for (enum choice c = 0; c < CHOICES; c++)
                IS(status_of(some_freed, sizes[i], c), 0,
                   "blocks of %zu, %s freed and trimmed: the others keep their bytes, calloc has "
                   "zeros, and all comes back in the end",
                   sizes[i], ways[c]);
        IS(status_of(shrunk, 0, 0), 0, "large blocks that are shortened keep the rest");
        IS(status_of(grown, 0, 0), 0, "blocks that grow keep their bytes; no part of a page moves");
        for (enum choice c = 0; c < CHOICES; c++)
            IS(status_of(by_and_by, 8192, c), 0, "the scavenger takes whole pages only, %s freed",
               ways[c]);
        IS(status_of(beside_fresh, 0, 0), 0, "what lies beside fresh pages goes back");
        IS(status_of(parts, 0, 0), 0, "parts of a page are refused");
    }
    return tap_done();
}
