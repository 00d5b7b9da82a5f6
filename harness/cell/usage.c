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

/* A hexadecimal number; `at` ends behind it. */
static uint64_t hexadecimal(const char **at) {
    char *end;
    const uint64_t value = strtoull(*at, &end, 16);
    *at                  = end;
    return value;
}

/* One line of /proc/self/maps, or as much of its beginning as fits: "from-to ---p …". */
static void add_mapping(const char *line, struct memory *m) {
    const uint64_t from = hexadecimal(&line);
    const uint64_t to   = *line == '-' ? (line++, hexadecimal(&line)) : from;
    m->mappings++;
    if (strncmp(line, " ---", 4) == 0)
        m->reserved += to - from;
}

/* The file has no bound, so it is read in pieces, and each line by its head. */
static void add_mappings(struct memory *m) {
    char piece[4096] = "", head[48];
    size_t length    = 0; /* of the present line, up to what fits */
    long got;
    const long fd =
        kernel_call(SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
    while (fd >= 0 && (got = kernel_call(SYS_read, fd, (long)piece, sizeof piece, 0)) > 0)
        for (long i = 0; i < got; i++) {
            if (length + 1 < sizeof head)
                head[length++] = piece[i];
            if (piece[i] != '\n')
                continue;
            head[length] = '\0';
            add_mapping(head, m);
            length = 0;
        }
    if (fd >= 0)
        kernel_call(SYS_close, fd, 0, 0, 0);
}

struct memory memory_now(void) {
    char rollup[2048], status[4096]; /* both files are below 1.5 KiB; the lines used come early */
    read_file("/proc/self/smaps_rollup", rollup, sizeof rollup);
    read_file("/proc/self/status", status, sizeof status);
    struct memory m = {
        .rss = kilobytes_of(rollup, "\nRss:") + kilobytes_of(rollup, "\nShared_Hugetlb:") +
               kilobytes_of(rollup, "\nPrivate_Hugetlb:"), /* which Rss leaves out */
        .pss         = kilobytes_of(rollup, "\nPss:"),
        .huge        = kilobytes_of(rollup, "\nAnonHugePages:"),
        .swap        = kilobytes_of(rollup, "\nSwap:"),
        .lazyfree    = kilobytes_of(rollup, "\nLazyFree:"),
        .vsz         = kilobytes_of(status, "\nVmSize:"),
        .writable    = kilobytes_of(status, "\nVmData:"),
        .rss_peak    = kilobytes_of(status, "\nVmHWM:"),
        .vsz_peak    = kilobytes_of(status, "\nVmPeak:"),
        .page_tables = kilobytes_of(status, "\nVmPTE:"),
        .threads     = number_of(status, "\nThreads:"),
    };
    if (m.rss == 0)
        m.rss = kilobytes_of(status, "\nVmRSS:");
    if (m.rss_peak < m.rss)
        m.rss_peak = m.rss;
    add_mappings(&m);
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

void counters_add(struct counters *to, struct counters more) {
    to->cpu_ns += more.cpu_ns;
    to->minor_faults += more.minor_faults;
    to->major_faults += more.major_faults;
    to->voluntary_switches += more.voluntary_switches;
    to->involuntary_switches += more.involuntary_switches;
}

void counters_subtract(struct counters *from, struct counters less) {
    from->cpu_ns -= less.cpu_ns;
    from->minor_faults -= less.minor_faults;
    from->major_faults -= less.major_faults;
    from->voluntary_switches -= less.voluntary_switches;
    from->involuntary_switches -= less.involuntary_switches;
}

struct counters counters_since(const struct counters *then) {
    struct counters since = counters_now();
    counters_subtract(&since, *then);
    return since;
}
