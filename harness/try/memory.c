#include "memory.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool read_file(pid_t process, const char *name, char *text, size_t size) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)process, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Of a line "key:   123 kB"; -1: there is none. */
static int64_t kib_of(const char *text, const char *key) {
    const char *at = strstr(text, key);
    return at ? strtoll(at + strlen(key), NULL, 10) * 1024 : -1;
}

bool memory_count(pid_t process, struct memory_counters *m) {
    char text[4096];
    if (!read_file(process, "status", text, sizeof text))
        return false;
    *m = (struct memory_counters){.rss        = kib_of(text, "\nVmRSS:"),
                                  .high_water = kib_of(text, "\nVmHWM:"),
                                  .vsz        = kib_of(text, "\nVmSize:"),
                                  .swap       = kib_of(text, "\nVmSwap:"),
                                  .file       = kib_of(text, "\nRssFile:")};
    return m->rss >= 0 && m->high_water >= 0;
}

bool memory_walk(pid_t process, struct memory_walk *m) {
    char text[4096];
    if (!read_file(process, "smaps_rollup", text, sizeof text))
        return false;
    *m = (struct memory_walk){.rss  = kib_of(text, "\nRss:"),
                              .pss  = kib_of(text, "\nPss:"),
                              .huge = kib_of(text, "\nAnonHugePages:")};
    return m->rss >= 0 && m->pss >= 0;
}

bool memory_is_shared(pid_t a, pid_t b) {
    return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}
