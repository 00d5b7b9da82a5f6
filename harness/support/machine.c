#include "machine.h"

#include <gnu/libc-version.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

/* "" if it cannot be read; cut at the end of the buffer. */
static void read_file(const char *path, char *text, size_t size) {
    FILE *f                                   = fopen(path, "re");
    text[f ? fread(text, 1, size - 1, f) : 0] = '\0';
    if (f)
        fclose(f);
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

unsigned machine_quota(const char *membership, const char *mount) {
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

unsigned machine_cpus(void) {
    static unsigned cpus;
    cpu_set_t set;
    if (cpus)
        return cpus;
    const unsigned quota = machine_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    cpus = quota < cpus ? quota : cpus;
    return cpus;
}

unsigned machine_cpus_online(void) {
    return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

double machine_busy_seconds(void) {
    /* proc(5), /proc/stat: user nice system idle iowait irq softirq steal, in clock ticks */
    unsigned long long t[8];
    FILE *f         = fopen("/proc/stat", "re");
    const bool good = f && fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1],
                                  &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) == 8;
    if (f)
        fclose(f);
    if (!good)
        return -1;
    return (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / (double)sysconf(_SC_CLK_TCK);
}

/* The first line of a file, or, with a key, the text after "key : " of the first such line. */
static json_t *line_of(const char *path, const char *key) {
    char line[512];
    json_t *value = NULL;
    FILE *f       = fopen(path, "re");
    while (f && !value && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        const char *text          = line;
        if (key && strncmp(line, key, strlen(key)) != 0)
            continue;
        if (key) {
            text = strchr(line, ':');
            text = text ? text + 1 + strspn(text + 1, " \t") : line;
        }
        value = json_string(text);
    }
    if (f)
        fclose(f);
    return value ? value : json_null();
}

unsigned long long machine_memory_available(void) {
    json_t *line                 = line_of("/proc/meminfo", "MemAvailable:"); /* in KiB */
    const char *text             = json_string_value(line);
    const unsigned long long kib = text ? strtoull(text, NULL, 10) : 0;
    json_decref(line);
    return kib << 10;
}

/* "always [madvise] never" -> "madvise" */
static json_t *chosen_of(const char *path) {
    json_t *line      = line_of(path, NULL);
    const char *text  = json_string_value(line);
    const char *open  = text ? strchr(text, '[') : NULL;
    const char *close = open ? strchr(open, ']') : NULL;
    if (!close)
        return line;
    json_t *value = json_stringn(open + 1, (size_t)(close - open - 1));
    json_decref(line);
    return value;
}

enum machine_answer machine_randomizes_addresses(void) {
    static const unsigned long ask = 0xffffffff; /* personality(2): changes nothing */
    char text[16];
    const int now = personality(ask);
    if (now != -1 && now & ADDR_NO_RANDOMIZE)
        return MACHINE_NO;
    read_file("/proc/sys/kernel/randomize_va_space", text, sizeof text);
    return *text ? (*text != '0' ? MACHINE_YES : MACHINE_NO) : MACHINE_UNKNOWN;
}

json_t *machine_facts(void) {
    struct utsname u;
    struct sysinfo s;
    uname(&u);
    sysinfo(&s);
    json_t *facts = json_object();
    json_object_set_new(facts, "kernel", json_sprintf("%s %s", u.sysname, u.release));
    json_object_set_new(facts, "architecture", json_string(u.machine));
    json_object_set_new(facts, "cpu", line_of("/proc/cpuinfo", "model name"));
    json_object_set_new(facts, "cpus_online", json_integer(machine_cpus_online()));
    json_object_set_new(facts, "cpus_usable", json_integer(machine_cpus()));
    json_object_set_new(facts, "cpu_governor",
                        line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", NULL));
    json_object_set_new(facts, "memory_bytes", json_integer((json_int_t)s.totalram * s.mem_unit));
    json_object_set_new(facts, "page_size_bytes", json_integer(sysconf(_SC_PAGESIZE)));
    json_object_set_new(facts, "transparent_hugepage",
                        chosen_of("/sys/kernel/mm/transparent_hugepage/enabled"));
    json_object_set_new(facts, "overcommit_memory",
                        line_of("/proc/sys/vm/overcommit_memory", NULL));
    json_object_set_new(facts, "max_map_count", line_of("/proc/sys/vm/max_map_count", NULL));
    json_object_set_new(facts, "randomize_va_space",
                        line_of("/proc/sys/kernel/randomize_va_space", NULL));
    const enum machine_answer random = machine_randomizes_addresses();
    json_object_set_new(facts, "address_randomization",
                        random == MACHINE_UNKNOWN ? json_null()
                                                  : json_boolean(random == MACHINE_YES));
    json_object_set_new(facts, "libc", json_sprintf("glibc %s", gnu_get_libc_version()));
    json_object_set_new(facts, "compiler", json_string(__VERSION__));
    return facts;
}

/* Does an allocator or the dynamic linker take options from this variable? (LD_PRELOAD is taken
 * away from the cells, or set for a row.) */
static bool matters(const char *name) {
    static const char *const marks[] = {"MALLOC", "SCUDO", "GLIBC_TUNABLES", "TBB", "HEAP"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(name, marks[i]))
            return true;
    return strncmp(name, "LD_", strlen("LD_")) == 0 && strcmp(name, "LD_PRELOAD") != 0;
}

json_t *machine_environment(void) {
    json_t *found = json_object();
    for (char **v = environ; *v; v++) {
        char name[256];
        const size_t length = strcspn(*v, "=");
        snprintf(name, sizeof name, "%.*s", (int)length, *v);
        if (!(*v)[length] || !matters(name))
            continue;
        json_t *value = json_string(*v + length + 1); /* NULL: no UTF-8 */
        json_object_set_new(found, name, value ? value : json_string("(not UTF-8)"));
    }
    return found;
}
