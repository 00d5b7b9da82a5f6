/* A part of a test in a process of its own, whose end tells how it went. */
#ifndef GOMALLOC_TEST_CHILD_H
#define GOMALLOC_TEST_CHILD_H

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_SECONDS = 600 /* however slow the machine is */ };

/* The exit code of a child that does `part(argument)`, 0 if it returns; 100 and the signal that
 * ended it. SIGALRM does, if it takes too long. */
static inline int status_of(void (*part)(int), int argument) {
    int status;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(CHILD_SECONDS);
        part(argument);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

#endif
