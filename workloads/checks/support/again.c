#include "again.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NOT_STARTED = 127 };

int again_share(size_t size, void **mapped) {
    const int memory = memfd_create("shared", 0);
    if (memory < 0 || ftruncate(memory, (off_t)size) != 0)
        return -1;
    *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    return *mapped == MAP_FAILED ? -1 : memory;
}

/* The words of this program's command line, as it was started. */
static bool read_words(char **words, size_t most) {
    static char line[1 << 16];
    const int fd         = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    size_t count         = 0;
    if (fd >= 0)
        close(fd);
    for (ssize_t at = 0; at < length && count < most - 1; at += (ssize_t)strlen(line + at) + 1)
        words[count++] = line + at;
    words[count] = NULL;
    return count > 0 && count < most - 1;
}

_Noreturn void again_start(const char *variable, int memory) {
    enum { MOST = 4096 };
    static char *words[64], *environment[MOST], named[64];
    const int nowhere = open("/dev/null", O_RDWR);
    size_t count      = 0;
    snprintf(named, sizeof named, "%s=%d", variable, memory);
    environment[count++] = named;
    for (char **e = environ; *e && count < MOST - 1; e++)
        environment[count++] = *e;
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, (unsigned)memory - 1, 0);
    close_range((unsigned)memory + 1, ~0u, 0);
    if (read_words(words, sizeof words / sizeof *words))
        execve("/proc/self/exe", words, environment);
    _exit(NOT_STARTED);
}

void *again_shared(const char *variable, size_t size) {
    const char *number = getenv(variable);
    if (!number)
        return NULL;
    void *map =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)strtol(number, NULL, 10), 0);
    if (map == MAP_FAILED)
        _exit(NOT_STARTED);
    return map;
}
