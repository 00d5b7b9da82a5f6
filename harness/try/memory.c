#include "memory.h"

#include "living.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_TRIES = 100 }; /* a thread may end before it is read */

/* Of a thread of the process, if it is one. The first one's has a shorter way. */
static bool read_file(pid_t process, pid_t thread, const char *name, char *text, size_t size) {
    char path[64];
    if (thread == process)
        snprintf(path, sizeof path, "/proc/%d/%s", (int)process, name);
    else
        snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)process, (int)thread, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Reads a file of a process in which `key` must be. The first thread's is tried at once: nearly
 * always it is the right one. */
static bool read_of(pid_t process, const char *name, const char *key, char *text, size_t size) {
    pid_t thread = process;
    for (int i = 0; thread && i < MOST_TRIES; i++) {
        if (read_file(process, thread, name, text, size) && strstr(text, key))
            return true;
        const pid_t before = thread;
        thread             = living_thread(process);
        if (i > 0 && thread == before) /* it has memory, and this user may not know */
            return false;
    }
    return false;
}

/* Of a line "key:   123 kB"; -1: there is none. */
static int64_t kib_of(const char *text, const char *key) {
    const char *at = strstr(text, key);
    return at ? strtoll(at + strlen(key), NULL, 10) * 1024 : -1;
}

bool memory_count(pid_t process, struct memory_counters *m) {
    char text[4096];
    if (!read_of(process, "status", "\nVmRSS:", text, sizeof text))
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
    if (!read_of(process, "smaps_rollup", "\nRss:", text, sizeof text))
        return false;
    *m = (struct memory_walk){.rss  = kib_of(text, "\nRss:"),
                              .pss  = kib_of(text, "\nPss:"),
                              .huge = kib_of(text, "\nAnonHugePages:")};
    return m->rss >= 0 && m->pss >= 0;
}

/* Of two threads that have ended, the kernel would say that they share the memory that none has. */
bool memory_is_shared(pid_t a, pid_t b) {
    const pid_t of_a = living_thread(a), of_b = living_thread(b);
    return of_a && of_b && syscall(SYS_kcmp, of_a, of_b, KCMP_VM, 0, 0) == 0;
}
