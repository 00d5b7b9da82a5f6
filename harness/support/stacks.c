#include "stacks.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_MS = 40000 };

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

/* In the child: becomes the program, which writes into `output`. */
static _Noreturn void become(pid_t process, int output) {
    char folder[PATH_MAX] = "", program[PATH_MAX + 16], number[24];
    const ssize_t length  = readlink("/proc/self/exe", folder, sizeof folder - 1);
    char *slash           = length > 0 ? strrchr(folder, '/') : NULL;
    if (slash)
        *slash = '\0';
    snprintf(program, sizeof program, "%s/stacks", folder);
    snprintf(number, sizeof number, "%d", (int)process);
    setpgid(0, 0);
    if (dup2(output, STDOUT_FILENO) >= 0)
        execl(program, program, number, (char *)NULL);
    _exit(127);
}

void stacks_take(pid_t process, char *text, size_t size) {
    int ends[2];
    size_t length = 0;
    *text         = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    const pid_t child = fork();
    if (child == 0)
        become(process, ends[1]);
    close(ends[1]);
    const long end = now_ms() + LIMIT_MS;
    for (;;) {
        char spill[512];
        struct pollfd p   = {ends[0], POLLIN, 0};
        const size_t room = size - 1 - length;
        const long left   = end - now_ms();
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            break;
        const ssize_t got = read(ends[0], room ? text + length : spill, room ? room : sizeof spill);
        if (got <= 0)
            break;
        length += room ? (size_t)got : 0;
    }
    close(ends[0]);
    if (child > 0) {
        kill(-child, SIGKILL);
        kill(child, SIGKILL); /* before its setpgid */
        waitpid(child, NULL, 0);
    }
    while (length > 0 && text[length - 1] == '\n')
        length--;
    text[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
            text[i] = '?';
    if (!length)
        snprintf(text, size, "no stacks: the program 'stacks' beside this one said nothing");
}
