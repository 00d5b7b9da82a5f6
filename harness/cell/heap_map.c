#include "heap_map.h"

#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGES = 1 << 20, MOST_TRIES = 4096, LINE_BYTES = 200, BUFFER_BYTES = 1 << 16 };

const uint64_t heap_map_most[HEAP_MAP_CLASSES] = {128, 1024, 8192, UINT64_MAX};

/* A place of the table, at the first free one from its hash on. No page is ever taken out: one
 * without a block is free, or was given back. */
struct page {
    uint64_t number; /* 0: the place is free */
    uint64_t live[HEAP_MAP_CLASSES];
};

static struct books {
    atomic_flag taken; /* acquire and release: who holds it alone reads and writes the pages */
    struct page *pages;
    struct allocator real;
    uint64_t page_bytes;
    uint64_t lost; /* pages that did not fit */
    const char *file;
    int fd;
    bool failed; /* something could not be read or written */
} books = {.taken = ATOMIC_FLAG_INIT};

static struct page *page_of(uint64_t number) {
    uint64_t at = number * 0x9e3779b97f4a7c15u >> 44; /* 20 bits, as PAGES has places */
    for (int tries = 0; tries < MOST_TRIES; tries++, at = (at + 1) % PAGES) {
        struct page *p = &books.pages[at];
        if (p->number && p->number != number)
            continue;
        p->number = number;
        return p;
    }
    return NULL;
}

static int class_of(uint64_t bytes) {
    int class = 0;
    while (bytes > heap_map_most[class])
        class ++;
    return class;
}

/* Adds a block to all its pages, or takes it away. */
static void count(void *block, bool add) {
    if (!block)
        return;
    const uint64_t bytes = books.real.usable_size(block), begin = (uintptr_t)block;
    const int class = class_of(bytes);
    while (atomic_flag_test_and_set_explicit(&books.taken, memory_order_acquire))
        continue;
    for (uint64_t at = begin; at < begin + bytes;) {
        const uint64_t number = at / books.page_bytes;
        const uint64_t next   = (number + 1) * books.page_bytes;
        const uint64_t part   = (next < begin + bytes ? next : begin + bytes) - at;
        struct page *p        = page_of(number);
        books.lost += !p;
        if (p)
            p->live[class] += add ? part : -part;
        at = next;
    }
    atomic_flag_clear_explicit(&books.taken, memory_order_release);
}

static void *counted(void *block) {
    count(block, true);
    return block;
}

static void *map_malloc(size_t size) {
    return counted(books.real.malloc(size));
}

static void map_free(void *block) {
    count(block, false);
    books.real.free(block);
}

static void *map_calloc(size_t number, size_t size) {
    return counted(books.real.calloc(number, size));
}

/* The old block's size is not known any more when realloc has moved it: it is taken away before,
 * and added again if it stays. */
static void *moved(void *old, void *block, bool fails) {
    count(fails ? old : block, true);
    return block;
}

static void *map_realloc(void *old, size_t size) {
    count(old, false);
    void *block = books.real.realloc(old, size);
    return moved(old, block, !block && size);
}

static void *map_reallocarray(void *old, size_t number, size_t size) {
    count(old, false);
    void *block = books.real.reallocarray(old, number, size);
    return moved(old, block, !block && number && size);
}

static void *map_aligned_alloc(size_t alignment, size_t size) {
    return counted(books.real.aligned_alloc(alignment, size));
}

static int map_posix_memalign(void **block, size_t alignment, size_t size) {
    const int error = books.real.posix_memalign(block, alignment, size);
    if (!error)
        count(*block, true);
    return error;
}

static void *map_memalign(size_t alignment, size_t size) {
    return counted(books.real.memalign(alignment, size));
}

static void map_free_sized(void *block, size_t size) {
    count(block, false);
    books.real.free_sized(block, size);
}

static void map_free_aligned_sized(void *block, size_t alignment, size_t size) {
    count(block, false);
    books.real.free_aligned_sized(block, alignment, size);
}

static const struct allocator *refuse(const char *file, const char *problem) {
    fprintf(stderr, "%s: --heap %s: %s\n", program_invocation_short_name, file, problem);
    return NULL;
}

const struct allocator *heap_map_begin(const struct allocator *a, const char *file) {
    static struct allocator mapped;
    if (!a->usable_size)
        return refuse(file, "this allocator does not tell usable sizes");
    books.fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (books.fd < 0)
        return refuse(file, strerrordesc_np(errno));
    books.pages = mmap(NULL, PAGES * sizeof *books.pages, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (books.pages == MAP_FAILED)
        return refuse(file, "no memory for the books of the heap");
    books.file       = file;
    books.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    books.real = mapped = *a;
#define MAPPED(slot) mapped.slot = a->slot ? map_##slot : NULL
    MAPPED(malloc);
    MAPPED(free);
    MAPPED(calloc);
    MAPPED(realloc);
    MAPPED(reallocarray);
    MAPPED(aligned_alloc);
    MAPPED(posix_memalign);
    MAPPED(memalign);
    MAPPED(free_sized);
    MAPPED(free_aligned_sized);
    return &mapped;
}

static void put(const char *text, size_t length) {
    for (size_t done = 0; done < length && !books.failed;) {
        const long wrote =
            kernel_call(SYS_write, books.fd, (long)(text + done), (long)(length - done), 0);
        books.failed = wrote < 0 && wrote != -EINTR;
        done += wrote < 0 ? 0 : (size_t)wrote;
    }
}

/* Bit 63 of an entry of /proc/self/pagemap says that the page is there (proc(5)). */
static bool is_resident(int pagemap, uint64_t number) {
    uint64_t entry    = 0;
    const ssize_t got = pread(pagemap, &entry, sizeof entry, (off_t)(number * sizeof entry));
    books.failed |= got != sizeof entry;
    return entry >> 63;
}

void heap_map_look(const char *instant) {
    static char buffer[BUFFER_BYTES];
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    size_t used       = 0;
    books.failed |= pagemap < 0;
    for (size_t i = 0; !books.failed && i < PAGES; i++) {
        const struct page *p = &books.pages[i];
        if (!p->number)
            continue;
        used += (size_t)snprintf(buffer + used, LINE_BYTES, "%ju,%d,%ju,%ju,%ju,%ju,%s\n",
                                 (uintmax_t)p->number, is_resident(pagemap, p->number),
                                 (uintmax_t)p->live[0], (uintmax_t)p->live[1],
                                 (uintmax_t)p->live[2], (uintmax_t)p->live[3], instant);
        if (used > BUFFER_BYTES - LINE_BYTES) {
            put(buffer, used);
            used = 0;
        }
    }
    put(buffer, used);
    if (pagemap >= 0)
        close(pagemap);
    if (books.real.dump && !books.failed) {
        put(buffer, (size_t)snprintf(buffer, LINE_BYTES, "dump,%s\n", instant));
        books.real.dump(books.fd);
    }
}

bool heap_map_is_whole(void) {
    if (books.failed)
        refuse(books.file, "it could not be written, or /proc/self/pagemap not be read");
    else if (books.lost)
        refuse(books.file, "the heap has more pages than fit");
    return !books.failed && !books.lost;
}
