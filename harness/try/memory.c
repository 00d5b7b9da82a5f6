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

/* Reads what one of a process's threads knows of their memory, and returns which; 0: none does. The
 * first one knows nothing any more once it has ended, and the others may live on. */
static pid_t read_of_any(pid_t process, const char *name, const char *key, char *text,
                         size_t size) {
    char folder[64];
    snprintf(folder, sizeof folder, "/proc/%d", (int)process);
    if (read_file(folder, name, text, size) && strstr(text, key))
        return process;
    snprintf(folder, sizeof folder, "/proc/%d/task", (int)process);
    DIR *dir     = opendir(folder);
    pid_t thread = 0;
    for (const struct dirent *entry; dir && !thread && (entry = readdir(dir));) {
        snprintf(folder, sizeof folder, "/proc/%d/task/%.20s", (int)process, entry->d_name);
        if (*entry->d_name != '.' && read_file(folder, name, text, size) && strstr(text, key))
            thread = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    if (dir)
        closedir(dir);
    return thread;
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

/* Of two threads that have ended, the kernel would say that they share the memory that none has. */
bool memory_is_shared(pid_t a, pid_t b) {
    char text[4096];
    const pid_t of_a = read_of_any(a, "status", "\nVmRSS:", text, sizeof text);
    const pid_t of_b = read_of_any(b, "status", "\nVmRSS:", text, sizeof text);
    return of_a && of_b && syscall(SYS_kcmp, of_a, of_b, KCMP_VM, 0, 0) == 0;
}
