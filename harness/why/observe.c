#include "observe.h"

#include "descendants.h"
#include "progress.h"
#include "serving.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Seconds. */
static const double shortest    = 0.01;
static const double share       = 25;  /* looks take at most one part in so many of the time */
static const double linger      = 5;   /* for what the program left behind, a daemon */
static const double grace       = 2;   /* from SIGTERM to SIGKILL */
static const double look_why    = 0.3; /* after so long without a book it is asked why */
static const double count_often = 0.05;

static _Noreturn void become(const struct observation *o, const char *folder, pid_t parent,
                             int report) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    spawn_restore_signals();
    setenv("LD_PRELOAD", o->preload, 1);
    setenv(WHY_FOLDER_VARIABLE, folder, 1);
    if (o->to_stderr)
        dup2(STDERR_FILENO, STDOUT_FILENO);
    execv(o->path, o->argv);
    const int error = errno;
    (void)!write(report, &error, sizeof error);
    _exit(127);
}

/* The child; below 0: `error` says why. */
static pid_t start(struct observation *o, const char *folder) {
    int report[2];
    const pid_t parent = getpid();
    if (pipe2(report, O_CLOEXEC) != 0) {
        o->error = errno;
        return -1;
    }
    const pid_t child = fork();
    if (child == 0)
        become(o, folder, parent, report[1]);
    o->error = child < 0 ? errno : 0;
    close(report[1]);
    if (child > 0 && read(report[0], &o->error, sizeof o->error) > 0)
        waitpid(child, NULL, 0);
    close(report[0]);
    return o->error ? -1 : child;
}

/* False: there is no child any more. What lost its parent is one, because this process is its
 * subreaper. */
static bool reap(struct observation *o, pid_t child) {
    int status;
    pid_t p;
    while ((p = waitpid(-1, &status, WNOHANG)) > 0)
        if (p == child) {
            o->ended  = true;
            o->status = status;
        }
    return p == 0;
}

/* A program without a book: who serves it, and why did the counter not come before? */
static void ask_why(struct observation *o, pid_t child) {
    static struct serving s;
    serving_find(child,
                 &(struct serving_question){.asked = o->preload, .must = true, .brief = true}, &s);
    const char *finding = serving_finding(&s);
    if (s.state == SERVING_KNOWN || s.state == SERVING_UNKNOWN)
        snprintf(o->why_not, sizeof o->why_not, "%s", finding ? finding : s.why);
}

/* Asks all processes to end, and ends those that do not. */
static void end_all(struct observation *o, pid_t child) {
    static struct descendant found[DESCENDANTS_MOST];
    const size_t count = descendants_list(found, DESCENDANTS_MOST);
    for (size_t i = 0; i < count && !o->too_many; i++)
        kill(found[i].process, SIGTERM);
    const double until = books_now() + (o->too_many ? 0 : grace);
    while (count && books_now() < until && descendants_list(found, DESCENDANTS_MOST)) {
        reap(o, child);
        poll(NULL, 0, 10);
    }
    const bool by_itself = o->ended && !o->stopped && !o->interrupted && !o->too_many;
    const size_t killed  = descendants_end(NULL);
    o->left              = by_itself ? (count > killed ? count : killed) : 0;
}

static bool is_over(struct observation *o, double now, double ended_at, bool alive,
                    const struct books *b) {
    o->interrupted = spawn_interrupted();
    if (o->interrupted || o->too_many)
        return true;
    if (o->seconds > 0 && now - b->began >= o->seconds) {
        o->stopped = !o->ended || alive;
        return true;
    }
    if (!o->ended)
        return false;
    if (!alive)
        return true;
    return o->seconds <= 0 && now - ended_at > linger;
}

/* Waits until this instant, or until the program ends, is interrupted, or has too many processes.
 * To count them takes as small a part of the time as looks do. */
static void rest_until(struct observation *o, int pidfd, double until) {
    static struct descendant found[DESCENDANTS_MOST + 1];
    for (double now = books_now(), part; now < until && !o->too_many; now = books_now()) {
        const double before = books_cpu();
        o->too_many         = descendants_list(found, DESCENDANTS_MOST + 1) > DESCENDANTS_MOST;
        part                = (books_cpu() - before) * share;
        part                = part < count_often ? count_often : part;
        part                = part > until - now ? until - now : part;
        struct pollfd p     = {pidfd, POLLIN, 0};
        const struct timespec wait = {(time_t)part, (long)((part - (double)(time_t)part) * 1e9)};
        if (!o->too_many && ppoll(&p, 1, &wait, spawn_open_mask()) != 0)
            return;
    }
}

static void watch(struct observation *o, struct books *b, pid_t child) {
    const int pidfd = pidfd_open(child, 0);
    double ended_at = 0, next_word = 2;
    bool asked = false;
    for (;;) {
        const double before = books_cpu();
        books_look(b);
        const double cost  = books_cpu() - before - b->paid;
        const double after = books_now();
        const bool alive   = reap(o, child);
        if (o->ended && ended_at == 0)
            ended_at = after;
        if (!asked && !b->seen && !o->ended && after - b->began > look_why) {
            ask_why(o, child);
            asked = true;
        }
        if (is_over(o, after, ended_at, alive, b))
            break;
        o->watched = after - b->began;
        if (o->looked)
            o->looked(o->arg);
        if (after - b->began > next_word && isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) &&
            !o->to_stderr) {
            progress_show("look", b->count, b->count, o->seconds > 0 ? o->seconds : -1, "why");
            next_word = after - b->began + 2;
        }
        double rest = cost * share;
        rest        = rest < shortest ? shortest : rest;
        rest        = rest < o->interval_seconds ? o->interval_seconds : rest;
        if (o->seconds > 0 && rest > b->began + o->seconds - after)
            rest = b->began + o->seconds - after;
        if (rest < 0.001)
            rest = 0.001;
        rest_until(o, o->ended ? -1 : pidfd, after + rest);
    }
    if (pidfd >= 0)
        close(pidfd);
    o->watched = books_now() - b->began;
}

void observe(struct observation *o, struct books *b) {
    b->began          = books_now();
    const pid_t child = start(o, b->folder);
    if (child < 0)
        return;
    watch(o, b, child);
    end_all(o, child);
    books_close(b);
}
