#include "usage.h"

#include "kernel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* A hexadecimal number; `at` ends behind it. */
static uint64_t hexadecimal(const char **at) {
    char *end;
    const uint64_t value = strtoull(*at, &end, 16);
    *at                  = end;
    return value;
}

/* One line of /proc/self/maps: "from-to ---p …". */
static void add_mapping(const char *line, struct memory *m) {
    const uint64_t from = hexadecimal(&line);
    const uint64_t to   = *line == '-' ? (line++, hexadecimal(&line)) : from;
    m->mappings++;
    if (strncmp(line, " ---", 4) == 0)
        m->reserved += to - from;
}

/* Adds the number of a line "name: value kB", or "Threads: value". */
static void add_number(const char *line, struct memory *m) {
    enum { BYTES = 1, KIBIBYTES = 1024 };
    const struct {
        const char *name;
        uint64_t *number;
        uint64_t unit;
    } known[] = {
        {"Rss:", &m->rss, KIBIBYTES},
        {"Shared_Hugetlb:", &m->rss, KIBIBYTES}, /* which Rss leaves out, as the next one */
        {"Private_Hugetlb:", &m->rss, KIBIBYTES},
        {"Pss:", &m->pss, KIBIBYTES},
        {"AnonHugePages:", &m->huge, KIBIBYTES},
        {"Swap:", &m->swap, KIBIBYTES},
        {"LazyFree:", &m->lazyfree, KIBIBYTES},
        {"VmSize:", &m->vsz, KIBIBYTES},
        {"VmData:", &m->writable, KIBIBYTES},
        {"VmHWM:", &m->rss_peak, KIBIBYTES},
        {"VmPeak:", &m->vsz_peak, KIBIBYTES},
        {"VmPTE:", &m->page_tables, KIBIBYTES},
        {"Threads:", &m->threads, BYTES},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t length = strlen(known[i].name);
        if (strncmp(line, known[i].name, length) == 0)
            *known[i].number += strtoull(line + length, NULL, 10) * known[i].unit;
    }
}

/* Of VmRSS, where the kernel has no smaps_rollup. */
static void add_number_or_rss(const char *line, struct memory *m) {
    add_number(strncmp(line, "VmRSS:", 6) == 0 && m->rss == 0 ? line + 2 : line, m);
}

/* Each line of a file, or as much of its beginning as fits. Neither a file of /proc nor a line of
 * one has a bound: a user may be in thousands of groups. */
static void each_line(const char *path, void (*take)(const char *, struct memory *),
                      struct memory *m) {
    char piece[4096] = "", head[48];
    size_t length    = 0; /* of the present line, up to what fits */
    long got;
    const long fd = kernel_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
    while (fd >= 0 && (got = kernel_call(SYS_read, fd, (long)piece, sizeof piece, 0)) > 0)
        for (long i = 0; i < got; i++) {
            if (length + 1 < sizeof head)
                head[length++] = piece[i];
            if (piece[i] != '\n')
                continue;
            head[length] = '\0';
            take(head, m);
            length = 0;
        }
    if (fd >= 0)
        kernel_call(SYS_close, fd, 0, 0, 0);
}

struct memory memory_now(void) {
    struct memory m = {0};
    each_line("/proc/self/smaps_rollup", add_number, &m);
    each_line("/proc/self/status", add_number_or_rss, &m);
    if (m.rss_peak < m.rss)
        m.rss_peak = m.rss;
    each_line("/proc/self/maps", add_mapping, &m);
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
