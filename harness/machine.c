#include "machine.h"

#include <gnu/libc-version.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

unsigned machine_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
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
    json_object_set_new(facts, "cpus_online", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
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

json_t *machine_environment(void) {
    static const char *const marks[] = {"MALLOC", "SCUDO", "GLIBC_TUNABLES", "TBB", "HEAP"};
    json_t *found                    = json_object();
    for (char **v = environ; *v; v++) {
        const size_t length = strcspn(*v, "=");
        for (size_t i = 0; i < sizeof marks / sizeof *marks && (*v)[length]; i++) {
            const char *at = strstr(*v, marks[i]);
            if (!at || at >= *v + length)
                continue;
            char name[256];
            snprintf(name, sizeof name, "%.*s", (int)length, *v);
            json_object_set_new(found, name, json_string(*v + length + 1));
            break;
        }
    }
    return found;
}
