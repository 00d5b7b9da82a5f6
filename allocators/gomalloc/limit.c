#include "limit.h"

#include "mheap.h"
#include "options.h"
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    QUANTUM_PAGES = 64,        /* 512 KiB at least, so that not each block pays for a system call */
    FLUSH_NS      = 100000000, /* between two flushes of all caches */
    PATH_BYTES    = 4096 + 64,
};

_Atomic size_t limit_pages;

static _Atomic uint64_t next_flush;

static size_t get(const _Atomic size_t *pages) {
    return atomic_load_explicit(pages, memory_order_relaxed); /* a statistic */
}

size_t limit_excess(unsigned percent) {
    const size_t limit = get(&limit_pages) / 100 * percent;
    const size_t taken = get(&mheap.inuse_pages) + get(&mheap.manual_pages) +
                         get(&mheap.huge_pages) + get(&mheap.huge_manual_pages) +
                         mheap_dirty_pages();
    return limit_is_set() && taken > limit ? taken - limit : 0;
}

bool limit_give_back(size_t pages) {
    if (mheap_dirty_pages() == 0)
        return pages == 0;
    return mheap_scavenge(pages > QUANTUM_PAGES ? pages : QUANTUM_PAGES, true) >= pages;
}

bool limit_may_flush(void) {
    /* relaxed: a heuristic */
    uint64_t next      = atomic_load_explicit(&next_flush, memory_order_relaxed);
    const uint64_t now = os_about_now_ns();
    return now >= next &&
           atomic_compare_exchange_strong_explicit(&next_flush, &next, now + FLUSH_NS,
                                                   memory_order_relaxed, memory_order_relaxed);
}

/* --- cgroups --- */

/* What a short file begins with; false: it cannot be read, or is empty. */
static bool read_file(const char *path, char *text, size_t bytes) {
    const int saved = errno, fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, text, bytes - 1) : 0;
    if (fd >= 0)
        close(fd);
    errno               = saved;
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* 0: a word, as "max", or more than any machine has, as version 1 says for "none". */
static size_t number(const char *text) {
    size_t n = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        if (n > SIZE_MAX / 32 || (n = n * 10 + (size_t)(*text - '0')) > SIZE_MAX / 4)
            return 0;
    return n;
}

/* The lowest number in the files of this name in the folder and in those around it, down to the
 * first `top` bytes of its path, which is spoilt. A container may not see its own path. */
static size_t lowest(char *path, size_t top, const char *file) {
    size_t least = 0;
    for (size_t end = strlen(path); end + strlen(file) < PATH_BYTES;) {
        char text[32];
        memcpy(path + end, file, strlen(file) + 1);
        const size_t n = read_file(path, text, sizeof text) ? number(text) : 0;
        least          = n && (!least || n < least) ? n : least;
        if (end <= top)
            break;
        while (path[--end] != '/')
            ;
        path[end] = '\0';
    }
    return least;
}

static size_t of_group(const char *root, const char *tree, const char *group, const char *file) {
    char path[PATH_BYTES];
    const size_t length = strcspn(group, "\n"), top = strlen(root) + strlen(tree);
    if (top + length >= sizeof path)
        return 0;
    stpcpy(stpcpy(path, root), tree);
    memcpy(path + top, group, length);
    path[top + length - (length && group[length - 1] == '/')] = '\0'; /* "/": the root itself */
    return lowest(path, top, file);
}

/* A line of /proc/self/cgroup is ID:CONTROLLERS:/GROUP. Version 2 names no controllers. */
static size_t of_line(const char *root, const char *line) {
    const char *controllers = line + strcspn(line, ":\n");
    const char *group       = controllers;
    bool is_memory          = false;
    while (*group == ':' || *group == ',') {
        const size_t length = strcspn(++group, ":,\n");
        is_memory |= length == 6 && strncmp(group, "memory", length) == 0;
        group += length;
        if (*group == ':')
            break;
    }
    if (*controllers != ':' || *group != ':')
        return 0;
    if (group == controllers + 1 && controllers == line + 1 && *line == '0')
        return of_group(root, "", group + 1, "/memory.max");
    return is_memory ? of_group(root, "/memory", group + 1, "/memory.limit_in_bytes") : 0;
}

size_t limit_of_cgroup(const char *root, const char *self) {
    char text[8192];
    size_t least = 0;
    if (!read_file(self, text, sizeof text))
        return 0;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t n = of_line(root, line);
        least          = n && (!least || n < least) ? n : least;
    }
    return least;
}

/* After read_options. */
__attribute__((constructor(103))) static void set_limit(void) {
    const unsigned kib = options[OPTION_MEMLIMIT];
    if (kib == 0)
        return;
    const size_t bytes = kib == MEMLIMIT_CGROUP
                             ? limit_of_cgroup("/sys/fs/cgroup", "/proc/self/cgroup")
                             : (size_t)kib << 10;
    /* relaxed: there is no other thread yet */
    atomic_store_explicit(&limit_pages, bytes / PAGE_BYTES, memory_order_relaxed);
}
