#include "guard.h"

#include "descendants.h"
#include "spawn.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATIENCE        = 20, /* seconds that the worker has for its end */
    EXIT_NO_PROCESS = 2,
};

static const int handed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static volatile sig_atomic_t below; /* the process that gets these */
static bool has_patience;           /* not for ever */

/* A terminal sends to the whole group, and so to the worker, too. It does not mind one more. */
static void hand_on(int number) {
    kill((pid_t)below, number);
    if (has_patience)
        alarm(PATIENCE);
}

/* The worker does not end. */
static void lose_patience(int number) {
    (void)number;
    kill((pid_t)below, SIGKILL);
}

/* spawn_prepare has blocked them: what came meanwhile comes now. */
static void start_handing_on(pid_t to) {
    below = to;
    for (size_t i = 0; i < sizeof handed_on / sizeof *handed_on; i++) {
        struct sigaction old;
        if (sigaction(handed_on[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(handed_on[i],
                      &(struct sigaction){.sa_handler = hand_on, .sa_flags = SA_RESTART}, NULL);
    }
    sigprocmask(SIG_SETMASK, spawn_open_mask(), NULL);
}

static int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    has_patience = false; /* its number may be another's soon */
    alarm(0);
    return status;
}

static void have_patience(void) {
    has_patience = true;
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = lose_patience, .sa_flags = SA_RESTART},
              NULL);
}

/* Ends as the process below did. */
static _Noreturn void end_like(int status) {
    if (WIFSIGNALED(status)) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* one is enough */
        sigaction(WTERMSIG(status), &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        raise(WTERMSIG(status));
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* The worker had no time to say anything. */
static void say_killed(int status) {
    if (WIFSIGNALED(status))
        text_say("it was killed by %s, by the program, another one, or the kernel, which had "
                 "no memory; what was saved until then stays",
                 text_signal(WTERMSIG(status)));
}

/* When its parent dies, it gets a signal that asks it to end. */
static void follow_parent(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it died before the line above */
        raise(SIGTERM);
}

static void be_worker(pid_t guard, pid_t group) {
    setpgid(0, group); /* which a terminal's Ctrl-C reaches */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    follow_parent(guard);
}

/* Returns in the worker. The front is told its number. */
static void be_guard(pid_t front, pid_t group, int tell) {
    const pid_t self = getpid();
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const pid_t worker = fork();
    if (worker == 0) {
        close(tell);
        be_worker(self, group);
        return;
    }
    if (worker < 0)
        _exit(EXIT_NO_PROCESS);
    (void)!write(tell, &worker, sizeof worker);
    close(tell);
    have_patience();
    start_handing_on(worker);
    follow_parent(front);
    const int status = wait_for(worker);
    descendants_end(NULL);
    say_killed(status);
    end_like(status);
}

/* The guard was killed. The worker, now a child of this process, was asked to end, and saves what
 * it has. */
static void outlive_guard(int told) {
    pid_t worker;
    if (read(told, &worker, sizeof worker) != sizeof worker)
        return;
    below = worker;
    have_patience();
    alarm(PATIENCE);
    wait_for(worker);
}

void guard_enter(void) {
    const pid_t front = getpid(), group = getpgrp();
    int ends[2] = {-1, -1};
    (void)!pipe2(ends, O_CLOEXEC); /* without it, a worker whose guard is killed has no time */
    const pid_t guard = fork();
    if (guard == 0) {
        close(ends[0]);
        be_guard(front, group, ends[1]);
        return;
    }
    close(ends[1]);
    if (guard < 0) {
        text_say("nothing guards what is started: fork: %s", strerror(errno));
        close(ends[0]);
        return;
    }
    start_handing_on(guard);
    const int status = wait_for(guard);
    if (WIFSIGNALED(status))
        outlive_guard(ends[0]);
    descendants_end(NULL); /* of a guard that was killed */
    end_like(status);
}
