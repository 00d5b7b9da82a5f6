/* Costs that nobody promises to keep low, and that every program pays. Each is recorded as a number
 * where it is low, and is a failure of quality where it is out of all proportion. They are counts
 * of pages, calls and mappings, so that no load of the machine changes them. costs_processes.c has
 * those of threads, forks and starts. */
#include "check.h"
#include "failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MIB = 1 << 20, PAGE = 4096 };

static void record(struct check_run *c, const char *format, size_t number) {
    char choice[sizeof c->choice];
    snprintf(choice, sizeof choice, format, number);
    check_choice(c, choice);
}

static size_t growth(size_t before, size_t after) {
    return after > before ? after - before : 0;
}

/* --- what the system has zeroed --- */

/* A program that has worked for a while: some blocks of some sizes were full, and are free. */
static void use_a_little(const struct check_run *c) {
    enum { BLOCKS = 24 };
    static void *block[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        const size_t size = (size_t)1000 << i % 12;
        block[i]          = c->a->malloc(size);
        if (block[i])
            memset(block[i], 1, size);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        c->a->free(block[i]);
}

CHECK(calloc_untouched, .name = "costs.calloc_untouched", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC, .needs = NEEDS_CALLOC,
      .clause  = "promised by nobody: the system's memory is zero already, mmap(2)",
      .summary = "calloc of 256 MiB, after a little was used and freed, writes little of it") {
    const size_t size = (size_t)256 * MIB;
    use_a_little(c);
    const size_t before  = check_rss();
    void *volatile block = c->a->calloc(1, size);
    const size_t grown   = growth(before, check_rss());
    if (!block)
        return check_unsupported(c, "calloc(1, %zu) gave NULL", size);
    MUST(c, grown < size / 4, "zeros of the system are not written again",
         "%zu of %zu MiB are resident after calloc", grown / MIB, size / MIB);
    c->a->free(block);
    record(c, "%zu MiB", grown / MIB);
}

CHECK(calloc_slack, .name = "costs.calloc_slack", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .needs   = NEEDS_CALLOC | NEEDS_USABLE_SIZE,
      .clause  = "promised by nobody: malloc_usable_size(3) tells of these bytes",
      .summary = "what is in the bytes of calloc between the request and the usable size") {
    enum { BLOCKS = 64, SIZE = 1001 };
    static unsigned char *block[BLOCKS];
    size_t dirty = 0, all = 0;
    for (unsigned round = 0; round < 2; round++)
        for (size_t i = 0; i < BLOCKS; i++) {
            block[i] = round ? c->a->calloc(1, SIZE) : c->a->malloc(SIZE);
            if (!block[i])
                return check_unsupported(c, "a block of %d bytes is not to be had", SIZE);
            const size_t usable = c->a->usable_size(block[i]);
            for (size_t at = SIZE; round && at < usable; at++, all++)
                dirty += block[i][at] != 0;
            memset(block[i], 0xff, usable);
            if (i == BLOCKS - 1)
                for (size_t k = 0; k < BLOCKS; k++)
                    c->a->free(block[k]);
        }
    check_choice(c, !all ? "none" : dirty ? "old bytes" : "zeros");
}

/* --- a size beyond any machine --- */

static long faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

CHECK(
    tebibyte, .name = "costs.tebibyte", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
    .clause  = "promised by nobody: who asks for too much by mistake wants to know it soon",
    .summary = "malloc of 1 TiB gives NULL, or a block that costs little, and nothing once freed") {
    enum { FAULTS = 4096 };
    const size_t size = (size_t)1 << 40;
    c->a->free(c->a->malloc(100));
    const size_t before  = check_rss();
    const long faulted   = faults();
    void *volatile block = c->a->malloc(size);
    const long cost      = faults() - faulted;
    c->a->free(block);
    if (c->a->purge)
        c->a->purge(0);
    const size_t kept = growth(before, check_rss());
    MUST(c, kept < (size_t)16 * MIB, "nothing of it stays",
         "%zu MiB stay resident after malloc of 1 TiB, which gave %p, and free", kept / MIB, block);
    MUST(c, cost < FAULTS, "little is touched",
         "malloc of 1 TiB touched %ld pages for the first time", cost);
    check_choice(c, block ? "given" : "NULL");
}

/* --- growth --- */

/* "VmHWM:  1234 kB" of this process, or "MemAvailable: …" of the machine, in bytes; 0: not told. */
static size_t kilobytes(const char *file, const char *key) {
    static char text[8192];
    const int fd         = open(file, O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[length < 0 ? 0 : length] = '\0';
    const char *at                = strstr(text, key);
    return at ? (size_t)strtoull(at + strlen(key), NULL, 10) << 10 : 0;
}

static bool forget_peak(void) {
    const int fd    = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    const bool good = fd >= 0 && write(fd, "5", 1) == 1;
    if (fd >= 0)
        close(fd);
    return good;
}

/* Doubles a block that is full, up to `most`. A neighbour behind it keeps it from growing in place.
 * False: NULL came. */
static bool grow(const struct check_run *c, size_t most) {
    enum { NEIGHBOUR = 64 << 10 };
    unsigned char *block = NULL;
    for (size_t size = MIB; size <= most; size *= 2) {
        unsigned char *grown = c->a->realloc(block, size);
        if (!grown)
            return false;
        block = grown;
        for (size_t at = size / 2; at < size; at += PAGE)
            block[at] = 1;
        unsigned char *neighbour = c->a->malloc(NEIGHBOUR);
        if (neighbour)
            *neighbour = 1;
    }
    c->a->free(block);
    return true;
}

CHECK(doubling, .name = "costs.doubling", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .needs  = NEEDS_REALLOC,
      .clause = "promised by nobody: a vector that grows takes its size, and half of it on the way",
      .summary =
          "a block that doubles to 256 MiB beside others has a peak below 1.5 times its size") {
    enum { LEAST = 32 * MIB };
    const size_t free_now = kilobytes("/proc/meminfo", "MemAvailable:");
    size_t most           = (size_t)(c->whole ? 1024 : 256) * MIB;
    while (most > free_now / 4)
        most /= 2;
    if (most < LEAST || !forget_peak())
        return check_unsupported(c, "there is too little memory, or its peak is not told");
    const size_t before = check_rss();
    if (!grow(c, most))
        return check_unsupported(c, "realloc gave NULL below %zu MiB", most / MIB);
    const size_t peak = growth(before, kilobytes("/proc/self/status", "VmHWM:"));
    MUST(c, peak * 2 < most * 3, "a peak below 1.5 times the size",
         "%zu MiB were resident at the peak for a block of %zu MiB", peak / MIB, most / MIB);
    record(c, "%zu %%", peak * 20 / most * 5);
}

/* --- blocks above what an allocator keeps --- */

/* How often, of rounds of malloc, a write to each page, and free, the system was asked or a page
 * was touched anew. Before them come more of small blocks: an allocator that gives places at random
 * has many to touch. */
static unsigned costly_rounds(const struct check_run *c, size_t size) {
    enum { ROUNDS = 7 };
    const unsigned warm = size <= MIB ? 64 : 3;
    unsigned costly     = 0;
    for (unsigned i = 0; i < warm + ROUNDS; i++) {
        const long faulted    = faults();
        const unsigned called = failing_calls_count();
        unsigned char *block  = c->a->malloc(size);
        for (size_t at = 0; block && at < size; at += PAGE)
            block[at] = 1;
        c->a->free(block);
        costly += i >= warm && (faults() != faulted || failing_calls_count() != called);
    }
    return costly;
}

static void find_edge(struct check_run *c, void *arg) {
    enum { MANY = 4, GOOD = MIB, MOST = 64 * MIB };
    char choice[24] = "none";
    (void)arg;
    if (!failing_calls_install(FAILING_GET | FAILING_GIVE))
        return check_unsupported(c, "system calls cannot be counted here");
    failing_calls_choose(0, 0);
    for (size_t size = PAGE; size <= MOST; size *= 2) {
        if (costly_rounds(c, size) < MANY)
            continue;
        MUST(c, size > GOOD, "what was just freed is used again",
             "malloc, a write and free of %zu KiB ask the system each time", size / 1024);
        snprintf(choice, sizeof choice, "%zu MiB", size / MIB);
        break;
    }
    check_choice(c, choice);
}

CHECK(edge, .name = "costs.largest_reused", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .clause  = "promised by nobody: above some size, each block costs system calls and faults",
      .summary = "the size from which a block that comes and goes asks the system each time") {
    check_child(c, find_edge, NULL, 20, "rounds that end");
}

/* --- mappings --- */

static size_t mappings(void) {
    static char text[1 << 16];
    const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t lines = 0;
    for (ssize_t length; fd >= 0 && (length = read(fd, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < length; i++)
            lines += text[i] == '\n';
    if (fd >= 0)
        close(fd);
    return lines;
}

CHECK(maps, .name = "costs.mappings", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .clause = "promised by nobody: the system allows 65530 mappings, vm.max_map_count of proc(5)",
      .summary =
          "1 GiB of blocks of 256 KiB, every second one freed, has fewer mappings than blocks") {
    enum { BLOCKS = 4096, SIZE = 256 << 10 };
    static void *block[BLOCKS];
    const size_t before = mappings();
    for (size_t i = 0; i < BLOCKS; i++)
        if (!(block[i] = c->a->malloc(SIZE)))
            return check_unsupported(c, "malloc(%d) gave NULL after %zu MiB", SIZE, i / 4);
    const size_t full = growth(before, mappings());
    for (size_t i = 0; i < BLOCKS; i += 2)
        c->a->free(block[i]);
    const size_t half = growth(before, mappings());
    const size_t most = full > half ? full : half;
    MUST(c, most < BLOCKS, "fewer mappings than blocks", "%d blocks took %zu mappings", BLOCKS,
         most);
    record(c, "%zu", most);
}
