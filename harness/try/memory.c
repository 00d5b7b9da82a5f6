#include "memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool read_file(const char *folder, const char *name, char *text, size_t size) {
    char path[80];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Reads what one of a process's threads knows of their memory. The first one knows nothing any more
 * once it has ended, and the others may live on. */
static bool read_of_any(pid_t process, const char *name, const char *key, char *text, size_t size) {
    char folder[64];
    snprintf(folder, sizeof folder, "/proc/%d", (int)process);
    if (read_file(folder, name, text, size) && strstr(text, key))
        return true;
    snprintf(folder, sizeof folder, "/proc/%d/task", (int)process);
    DIR *dir   = opendir(folder);
    bool known = false;
    for (const struct dirent *entry; dir && !known && (entry = readdir(dir));) {
        snprintf(folder, sizeof folder, "/proc/%d/task/%.20s", (int)process, entry->d_name);
        known = *entry->d_name != '.' && read_file(folder, name, text, size) && strstr(text, key);
    }
    if (dir)
        closedir(dir);
    return known;
}

/* Of a line "key:   123 kB"; -1: there is none. */
static int64_t kib_of(const char *text, const char *key) {
    const char *at = strstr(text, key);
    return at ? strtoll(at + strlen(key), NULL, 10) * 1024 : -1;
}

bool memory_count(pid_t process, struct memory_counters *m) {
    char text[4096];
    if (!read_of_any(process, "status", "\nVmRSS:", text, sizeof text))
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
    if (!read_of_any(process, "smaps_rollup", "\nRss:", text, sizeof text))
        return false;
    *m = (struct memory_walk){.rss  = kib_of(text, "\nRss:"),
                              .pss  = kib_of(text, "\nPss:"),
                              .huge = kib_of(text, "\nAnonHugePages:")};
    return m->rss >= 0 && m->pss >= 0;
}

bool memory_is_shared(pid_t a, pid_t b) {
    return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}
