#include "machine.h"

#include <gnu/libc-version.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

/* CPUs' worth of time that cpu.max of one cgroup grants, rounded down, at least 1; 0: no limit, or
 * no such file. Linux, Documentation/admin-guide/cgroup-v2.rst: "$MAX $PERIOD", or "max $PERIOD".
 */
static unsigned quota_of(const char *cgroup) {
    char path[PATH_MAX];
    unsigned long quota = 0, period = 0;
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", cgroup);
    FILE *f            = fopen(path, "re");
    const bool limited = f && fscanf(f, "%lu %lu", &quota, &period) == 2 && period > 0;
    if (f)
        fclose(f);
    return !limited ? 0 : quota < period ? 1 : (unsigned)(quota / period);
}

/* The least that the cgroup of this process and those above it grant; 0: no limit. */
static unsigned cgroup_cpus(void) {
    char line[PATH_MAX] = "", *group = NULL;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && !group && fgets(line, sizeof line, f))
        group = strncmp(line, "0::/", 4) == 0 ? line + 3 : NULL;
    if (f)
        fclose(f);
    unsigned least = 0;
    if (!group)
        return least;
    group[strcspn(group, "\n")] = '\0';
    for (char *slash; (slash = strrchr(group, '/'));) {
        const unsigned quota = quota_of(group);
        if (quota && (!least || quota < least))
            least = quota;
        *slash = '\0';
    }
    const unsigned quota = quota_of("");
    return quota && (!least || quota < least) ? quota : least;
}

unsigned machine_cpus(void) {
    static unsigned cpus;
    cpu_set_t set;
    if (cpus)
        return cpus;
    cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    const unsigned quota = cgroup_cpus();
    if (quota && quota < cpus)
        cpus = quota;
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
