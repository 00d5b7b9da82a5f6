#include "usage.h"

#include "kernel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* The value of the line `name` in a /proc file of "name: value" lines; 0 if absent. */
static uint64_t number_of(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* The same of a "name: value kB" line, in bytes. */
static uint64_t kilobytes_of(const char *text, const char *name) {
    return number_of(text, name) * 1024;
}

static void read_file(const char *path, char *text, size_t size) {
    size_t length = 0;
    const long fd = kernel_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0) {
        long got;
        while (length + 1 < size && (got = kernel_call(SYS_read, fd, (long)(text + length),
                                                       (long)(size - 1 - length), 0)) > 0)
            length += (size_t)got;
        kernel_call(SYS_close, fd, 0, 0, 0);
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
        .writable = kilobytes_of(status, "\nVmData:"),
        .rss_peak = kilobytes_of(status, "\nVmHWM:"),
        .vsz_peak = kilobytes_of(status, "\nVmPeak:"),
        .threads  = number_of(status, "\nThreads:"),
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
    struct rusage u = {0};
    kernel_call(SYS_getrusage, RUSAGE_SELF, (long)&u, 0, 0);
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
