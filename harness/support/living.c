#include "living.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The first number of statm is the address space, in pages. */
static bool tells_of_memory(const char *statm) {
    char first   = '0';
    const int fd = open(statm, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, &first, 1) != 1)
        first = '0';
    if (fd >= 0)
        close(fd);
    return first != '0';
}

bool living_has_memory(pid_t thread) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)thread);
    return tells_of_memory(path);
}

/* The same of a thread of the process: the number may be another's by now. */
static bool has_memory_of(pid_t process, pid_t thread) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/statm", (int)process, (int)thread);
    return tells_of_memory(path);
}

static pid_t other_with_memory(pid_t process) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *dir    = opendir(path);
    pid_t found = 0;
    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        const pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread > 0 && thread != process && has_memory_of(process, thread))
            found = thread;
    }
    if (dir)
        closedir(dir);
    return found;
}

/* Between two readings another thread may have become the process, by exec, or have left its work
 * to a new one: so what nobody has is looked for once more. */
pid_t living_thread(pid_t process) {
    pid_t found = 0;
    for (int i = 0; i < 2 && !found; i++)
        found = living_has_memory(process) ? process : other_with_memory(process);
    return found;
}
