#include "book.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    MOST_IMAGES = 10000,    /* of one process: it may become another program again and again */
    FREE_BYTES  = 64 << 20, /* a full disk must not kill the program (SIGBUS) */
};

static char folder[256];
static int image; /* the number of this process's file */

static void name_file(char *path, size_t size, const char *kind) {
    snprintf(path, size, "%s/%d.%d.%s", folder, (int)getpid(), image, kind);
}

/* A new file of zeros, mapped. */
static struct why_shared *make(void) {
    char path[320];
    int fd = -1;
    struct statvfs space;
    if (statvfs(folder, &space) != 0 || space.f_bavail * space.f_frsize < FREE_BYTES)
        return NULL;
    for (image = 0; fd < 0 && image < MOST_IMAGES; image++) {
        name_file(path, sizeof path, "book");
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && access(path, F_OK) != 0)
            return NULL;
        if (fd >= 0)
            break;
    }
    if (fd < 0)
        return NULL;
    void *at =
        ftruncate(fd, sizeof(struct why_shared)) == 0
            ? mmap(NULL, sizeof(struct why_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
            : MAP_FAILED;
    close(fd);
    if (at == MAP_FAILED) {
        unlink(path);
        return NULL;
    }
    struct why_shared *book = at;
    book->magic             = WHY_MAGIC;
    book->process           = getpid();
    book->parent            = getppid();
    return book;
}

struct why_shared *book_open(const char *object) {
    const char *named = getenv(WHY_FOLDER_VARIABLE);
    if (!named || strlen(named) >= sizeof folder)
        return NULL;
    memcpy(folder, named, strlen(named) + 1);
    struct why_shared *book = make();
    if (book)
        strncpy(book->object, object, sizeof book->object - 1);
    return book;
}

/* The parts that were used alone: the rest of the file stays without pages. */
static void copy_used(struct why_shared *to, const struct why_shared *from) {
    const uint32_t names = atomic_load(&from->names_used), slots = atomic_load(&from->slots_used);
    to->own = from->own;
    memcpy(to->object, from->object, sizeof to->object);
    atomic_store(&to->level, atomic_load(&from->level));
    atomic_store(&to->names_used, names);
    atomic_store(&to->dropped, atomic_load(&from->dropped));
    atomic_store(&to->outside_lost, atomic_load(&from->outside_lost));
    atomic_store(&to->slots_used, slots);
    memcpy(to->names, from->names, (names < WHY_NAMES ? names : WHY_NAMES) * sizeof *to->names);
    memcpy(to->slot, from->slot, slots * sizeof *to->slot);
    for (unsigned i = 0; i < WHY_OUTSIDE; i++)
        if (atomic_load_explicit(&from->outside[i].end, memory_order_relaxed))
            memcpy(&to->outside[i], &from->outside[i], sizeof to->outside[i]);
    for (unsigned i = 0; i < WHY_REGIONS; i++)
        if (atomic_load_explicit(&from->region[i], memory_order_relaxed))
            memcpy(&to->region[i], &from->region[i], sizeof to->region[i]);
    for (unsigned i = 0; i < WHY_SAMPLES; i++) {
        uint64_t block, size;
        if (!why_read_sample(&from->sample[i], &block, &size))
            continue;
        atomic_store_explicit(&to->sample[i].size, size, memory_order_relaxed);
        atomic_store_explicit(&to->sample[i].block, block, memory_order_relaxed);
    }
}

void book_copy(struct why_shared *book) {
    struct why_shared *copy = make();
    if (copy) {
        copy_used(copy, book);
        atomic_store_explicit(&copy->state, WHY_COUNTING, memory_order_release);
        if (mremap(copy, sizeof *copy, sizeof *copy, MREMAP_MAYMOVE | MREMAP_FIXED, book) == book)
            return;
    }
    /* Nobody reads this one; but the parent's must not be written to. */
    if (mmap(book, sizeof *book, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
             -1, 0) == book)
        atomic_store(&book->slots_used, 1);
}

void book_keep_maps(void) {
    static char part[16 << 10];
    char path[320];
    name_file(path, sizeof path, "maps");
    /* Not that of self: the first thread may have ended. */
    const int in = open("/proc/thread-self/smaps", O_RDONLY | O_CLOEXEC);
    const int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (ssize_t got; in >= 0 && to >= 0 && (got = read(in, part, sizeof part)) > 0;)
        if (write(to, part, (size_t)got) != got)
            break;
    if (in >= 0)
        close(in);
    if (to >= 0)
        close(to);
}
