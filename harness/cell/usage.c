#include "usage.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

/* The value of the line `name` in a /proc file of "name: value kB" lines, in bytes; 0 if absent. */
static uint64_t kilobytes_of(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void read_file(const char *path, char *text, size_t size) {
    size_t length = 0;
    const long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        long got;
        while (length + 1 < size &&
               (got = syscall(SYS_read, fd, text + length, size - 1 - length)) > 0)
            length += (size_t)got;
        syscall(SYS_close, fd);
    }
    text[length] = '\0';
}

struct memory memory_now(void) {
    char rollup[2048], status[4096]; /* both files are below 1.5 KiB; the lines used come early */
    read_file("/proc/self/smaps_rollup", rollup, sizeof rollup);
    read_file("/proc/self/status", status, sizeof status);
    struct memory m = {
        .rss = kilobytes_of(rollup, "\nRss:") + kilobytes_of(rollup, "\nShared_Hugetlb:") +
               kilobytes_of(rollup, "\nPrivate_Hugetlb:"), /* which Rss leaves out */
        .lazyfree = kilobytes_of(rollup, "\nLazyFree:"),
        .vsz      = kilobytes_of(status, "\nVmSize:"),
        .rss_peak = kilobytes_of(status, "\nVmHWM:"),
        .vsz_peak = kilobytes_of(status, "\nVmPeak:"),
    };
    if (m.rss == 0)
        m.rss = kilobytes_of(status, "\nVmRSS:");
    if (m.rss_peak < m.rss)
        m.rss_peak = m.rss;
    return m;
}

static uint64_t nanoseconds(struct timeval t) {
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

struct counters counters_now(void) {
    struct rusage u;
    syscall(SYS_getrusage, RUSAGE_SELF, &u);
    return (struct counters){
        .cpu_ns               = nanoseconds(u.ru_utime) + nanoseconds(u.ru_stime),
        .minor_faults         = (uint64_t)u.ru_minflt,
        .major_faults         = (uint64_t)u.ru_majflt,
        .voluntary_switches   = (uint64_t)u.ru_nvcsw,
        .involuntary_switches = (uint64_t)u.ru_nivcsw,
    };
}

struct counters counters_since(const struct counters *then) {
    const struct counters now = counters_now();
    return (struct counters){
        .cpu_ns               = now.cpu_ns - then->cpu_ns,
        .minor_faults         = now.minor_faults - then->minor_faults,
        .major_faults         = now.major_faults - then->major_faults,
        .voluntary_switches   = now.voluntary_switches - then->voluntary_switches,
        .involuntary_switches = now.involuntary_switches - then->involuntary_switches,
    };
}

/* A text of cpu.max: "QUOTA PERIOD", both in microseconds, or "max PERIOD". */
static unsigned whole_cpus(const char *text) {
    char *rest;
    const unsigned long quota  = strtoul(text, &rest, 10);
    const unsigned long period = rest != text ? strtoul(rest, NULL, 10) : 0;
    if (period == 0 || quota / period >= UINT_MAX)
        return UINT_MAX;
    return quota < period ? 1 : (unsigned)(quota / period);
}

unsigned cpu_quota(const char *membership, const char *mount) {
    char groups[4096], path[PATH_MAX], text[64];
    unsigned least = UINT_MAX;
    read_file(membership, groups, sizeof groups);
    const char *own = groups; /* the line of version 2: "0::/path"; those of version 1 precede it */
    while (own && strncmp(own, "0::/", 4) != 0)
        own = (own = strchr(own, '\n')) ? own + 1 : NULL;
    if (!own)
        return UINT_MAX;
    own += sizeof "0::" - 1;
    const int top = snprintf(path, sizeof path, "%s", mount);
    int length =
        top + snprintf(path + top, sizeof path - (size_t)top, "%.*s", (int)strcspn(own, "\n"), own);
    const int room = (int)(sizeof path - sizeof "/cpu.max");
    while (length >= top && length < room) {
        snprintf(path + length, sizeof path - (size_t)length, "/cpu.max");
        read_file(path, text, sizeof text);
        const unsigned cpus = whole_cpus(text);
        least               = cpus < least ? cpus : least;
        do /* to the group above */
            length--;
        while (length > top && path[length] != '/');
    }
    return least;
}
