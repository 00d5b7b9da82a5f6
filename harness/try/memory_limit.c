#include "memory_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_file(const char *directory, const char *name, const char *text) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    const int error = errno;
    close(fd);
    errno = error;
    return good;
}

static bool is_writable(const char *directory, const char *name) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, W_OK) == 0;
}

/* The group of this process in the hierarchy of memory; false: there is none. `line` is one of
 * /proc/self/cgroup, "4:memory:/path" or, of version 2, "0::/path" (cgroups(7)). */
static bool own_group(const char *line, char *path, size_t size) {
    const char *controllers = strchr(line, ':'), *group;
    if (!controllers || !(group = strchr(controllers + 1, ':')))
        return false;
    const int length   = (int)strcspn(group + 1, "\n");
    const bool unified = group == controllers + 1;
    if (!unified && strncmp(controllers, ":memory:", strlen(":memory:")) != 0)
        return false;
    snprintf(path, size, "/sys/fs/cgroup%s%.*s", unified ? "" : "/memory", length, group + 1);
    return true;
}

static bool set(const struct memory_limit *l) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)l->bytes);
    if (is_writable(l->group, "memory.max")) {
        (void)write_file(l->group, "memory.swap.max", "0"); /* where it is counted */
        return write_file(l->group, "memory.max", text);
    }
    (void)write_file(l->group, "memory.swappiness", "0");
    return write_file(l->group, "memory.limit_in_bytes", text);
}

void memory_limit_open(struct memory_limit *l, uint64_t bytes) {
    char line[PATH_MAX], parent[PATH_MAX - 64];
    *l      = (struct memory_limit){.bytes = bytes};
    FILE *f = bytes ? fopen("/proc/self/cgroup", "re") : NULL;
    while (f && !*l->group && fgets(line, sizeof line, f)) {
        if (!own_group(line, parent, sizeof parent))
            continue;
        snprintf(l->group, sizeof l->group, "%s/spanbench-%d", parent, (int)getpid());
        if (mkdir(l->group, 0755) == 0 && set(l))
            continue;
        rmdir(l->group);
        *l->group = '\0';
    }
    if (f)
        fclose(f);
}

bool memory_limit_enter(const struct memory_limit *l) {
    if (!l->bytes)
        return true;
    if (*l->group)
        return write_file(l->group, "cgroup.procs", "0");
    return setrlimit(RLIMIT_DATA, &(struct rlimit){l->bytes, l->bytes}) == 0;
}

bool memory_limit_change(struct memory_limit *l, uint64_t bytes) {
    l->bytes = bytes;
    return !*l->group || set(l);
}

/* The events of version 2 and of version 1 end with "oom_kill N". */
bool memory_limit_killed(struct memory_limit *l) {
    static const char *const names[] = {"memory.events", "memory.oom_control"};
    unsigned long long kills         = 0;
    for (size_t i = 0; *l->group && i < sizeof names / sizeof *names; i++) {
        char path[PATH_MAX + 64], line[128];
        snprintf(path, sizeof path, "%s/%s", l->group, names[i]);
        FILE *f = fopen(path, "re");
        while (f && fgets(line, sizeof line, f))
            if (strncmp(line, "oom_kill ", strlen("oom_kill ")) == 0)
                kills = strtoull(line + strlen("oom_kill "), NULL, 10);
        if (f)
            fclose(f);
    }
    const bool more = kills > l->kills;
    l->kills        = kills;
    return more;
}

void memory_limit_close(struct memory_limit *l) {
    /* the kernel may still be about to take the last process out */
    for (unsigned tries = 0; *l->group && rmdir(l->group) != 0 && errno == EBUSY && tries < 200;
         tries++)
        usleep(5000);
    *l->group = '\0';
}
