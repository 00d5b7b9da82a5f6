/* check_child: a forked child, and whether it hangs or only waits for a processor. */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Fills c->stacks by the program `stacks` in the folder above the cell's
 * (harness/support/stacks.sh), as the driver does for the cell. _Fork calls no fork handler of an
 * allocator that hangs. */
static void take_stacks(struct check_run *c, pid_t child) {
    char folder[PATH_MAX], path[PATH_MAX + 8], number[24];
    int ends[2];
    size_t length               = 0;
    const ssize_t self          = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[self < 0 ? 0 : self] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(folder, '/');
        if (slash)
            *slash = '\0';
    }
    snprintf(path, sizeof path, "%s/stacks", folder);
    snprintf(number, sizeof number, "%d", (int)child);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    const pid_t reader = _Fork();
    if (reader == 0) {
        if (dup2(ends[1], STDOUT_FILENO) >= 0)
            execl(path, path, number, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    for (ssize_t got = 1; got > 0 && length < sizeof c->stacks - 1;) {
        got = read(ends[0], c->stacks + length, sizeof c->stacks - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    }
    close(ends[0]);
    if (reader > 0)
        waitpid(reader, NULL, 0);
    c->stacks[length] = '\0';
}

/* --- does it hang? --- */

/* What /proc tells of a process and its descendants at one moment. */
struct look {
    bool asleep;       /* each thread of each; a thread that is ready to run is not */
    uint64_t switches; /* how often all were taken from a processor: whoever ran, and sleeps, was */
};

static size_t read_file(const char *path, char *text, size_t room) {
    const int fd         = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd < 0 ? -1 : read(fd, text, room - 1);
    if (fd >= 0)
        close(fd);
    text[length < 0 ? 0 : length] = '\0';
    return length < 0 ? 0 : (size_t)length;
}

static void look_at_thread(const char *status, struct look *l) {
    static const char is[] = "\nState:\t", *const counts[] = {"\nvoluntary_ctxt_switches:",
                                                              "\nnonvoluntary_ctxt_switches:"};
    const char *state = strstr(status, is);
    l->asleep         = l->asleep && state && strchr("SZX", state[sizeof is - 1]);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const char *count = strstr(status, counts[i]);
        l->switches += count ? strtoull(count + strlen(counts[i]), NULL, 10) : 0;
    }
}

/* Without allocating, as opendir does. What cannot be told is not asleep. */
static struct look look_at(pid_t child) {
    enum { MOST = 64 };
    pid_t queue[MOST] = {child};
    size_t queued     = 1;
    struct look l     = {.asleep = true};
    for (size_t i = 0; i < queued; i++) {
        char path[PATH_MAX], text[4096], entries[4096] __attribute__((aligned(16)));
        snprintf(path, sizeof path, "/proc/%d/task", (int)queue[i]);
        const int tasks = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ssize_t length;
        l.asleep = l.asleep && tasks >= 0;
        while (tasks >= 0 && (length = getdents64(tasks, entries, sizeof entries)) > 0)
            for (ssize_t at = 0; at < length;) {
                const struct dirent64 *entry = (const void *)(entries + at);
                at += entry->d_reclen;
                if (entry->d_name[0] == '.')
                    continue;
                snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)queue[i],
                         entry->d_name);
                read_file(path, text, sizeof text);
                look_at_thread(text, &l);
                /* a file of Linux with CONFIG_PROC_CHILDREN */
                snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)queue[i],
                         entry->d_name);
                l.asleep = l.asleep && access(path, R_OK) == 0;
                read_file(path, text, sizeof text);
                for (char *next, *word = text;; word = next) {
                    const long pid = strtol(word, &next, 10);
                    if (next == word)
                        break;
                    l.asleep = l.asleep && queued < MOST;
                    if (queued < MOST)
                        queue[queued++] = (pid_t)pid;
                }
            }
        if (tasks >= 0)
            close(tasks);
    }
    return l;
}

enum { LOOK_MS = 200 };

static long milliseconds(clockid_t clock) {
    struct timespec t = {0, 0};
    clock_gettime(clock, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

void check_begin_clock(struct check_run *c, uint64_t timeout_seconds) {
    const double times = (double)timeout_seconds / CHECK_TIMEOUT_SECONDS;
    c->patience        = times > 1 ? times : 1;
    c->give_seconds    = (unsigned)(c->patience * CHECK_TIMEOUT_SECONDS * 3);
    c->deadline_ms =
        milliseconds(CLOCK_MONOTONIC) + (long)(c->patience * CHECK_DEADLINE_SECONDS * 1000);
}

/* Who waits for a child that sleeps naps itself: it has to tell first. */
static unsigned naps_seconds(const struct check_run *c) {
    return c->hangs ? CHECK_KNOWN_NAPS_SECONDS : CHECK_NAPS_SECONDS;
}
static unsigned sleeps_seconds(const struct check_run *c) {
    return c->hangs ? CHECK_KNOWN_SLEEPS_SECONDS : CHECK_SLEEPS_SECONDS;
}

enum fate { ENDS, SLEEPS, SPINS, NAPS, SLOW, UNSEEN };

/* What was seen of a child since its last progress. */
struct watch {
    uint64_t progress;
    long used_ms;  /* processor time until then */
    long since_ms; /* when that was */
    unsigned looks, asleep;
};

static enum fate judge(const struct check_run *c, struct watch *w, const struct look *now,
                       long used_ms, unsigned seconds) {
    const uint64_t progress = __atomic_load_n(&c->progress, __ATOMIC_RELAXED);
    const double patience   = c->patience > 0 ? c->patience : 1;
    if (progress != w->progress)
        *w = (struct watch){progress, used_ms, milliseconds(CLOCK_MONOTONIC), 0, 0};
    w->looks++;
    w->asleep += now->asleep;
    if ((double)(used_ms - w->used_ms) >= seconds * 1000.0 * patience)
        return SPINS;
    const long now_ms = milliseconds(CLOCK_MONOTONIC), since_ms = now_ms - w->since_ms;
    if ((double)since_ms >= naps_seconds(c) * 1000.0 * patience && w->asleep * 20 > w->looks * 19)
        return NAPS; /* hardly ever seen awake: it does not wait for a processor */
    if (!c->deadline_ms || now_ms < c->deadline_ms)
        return ENDS;
    /* By time, not by the number of looks: on a busy machine they are rare. */
    return since_ms >= CHECK_SLEEPS_SECONDS * 1000L && w->asleep * 2 > w->looks ? NAPS : SLOW;
}

/* Waits for the child, or until it hangs: it and its own children sleep, and nothing wakes them. It
 * also hangs if it had so many seconds of processor time and did not get on. Wall time tells
 * little: on a busy machine a child may take long for what it does in a moment elsewhere. At the
 * deadline, one that naps, as who tries for a lock that nobody gives back, hangs; others are slow.
 * UNSEEN: its end cannot be seen. */
static enum fate wait_for(const struct check_run *c, pid_t child, unsigned seconds) {
    const int ended  = pidfd_open(child, 0);
    enum fate fate   = ENDS;
    struct look last = {.asleep = false};
    struct watch w   = {.progress = __atomic_load_n(&c->progress, __ATOMIC_RELAXED),
                        .since_ms = milliseconds(CLOCK_MONOTONIC)};
    long since       = 0;
    clockid_t used;
    if (ended < 0)
        return UNSEEN;
    if (clock_getcpuclockid(child, &used) != 0)
        fate = UNSEEN;
    while (fate == ENDS && poll(&(struct pollfd){ended, POLLIN, 0}, 1, LOOK_MS) <= 0) {
        const struct look now = look_at(child);
        if (!now.asleep || !last.asleep || now.switches != last.switches)
            since = milliseconds(CLOCK_MONOTONIC);
        last = now;
        fate = judge(c, &w, &now, milliseconds(used), seconds);
        if (milliseconds(CLOCK_MONOTONIC) - since >= sleeps_seconds(c) * 1000L)
            fate = SLEEPS;
    }
    close(ended);
    return fate;
}

/* Says of a child that was killed why that is. */
static bool give_up(struct check_run *c, enum fate fate, unsigned seconds, const char *expected) {
    const double patience = c->patience > 0 ? c->patience : 1;
    if (fate == UNSEEN)
        check_unsupported(c, "the end of a forked child cannot be waited for: pidfd_open failed");
    if (fate == SLOW)
        check_unsupported(
            c,
            "too slow here: a forked child gets on, or waits for a processor, and has "
            "no time left; TIMEOUT=%u gives it more",
            c->give_seconds);
    if (fate == SLEEPS)
        return check_that(c, false, expected,
                          "a forked child did not end: it slept, and nothing woke it for %u s",
                          sleeps_seconds(c));
    if (fate == SPINS || fate == NAPS)
        return check_that(
            c, false, expected,
            "a forked child did not end: without progress, it %s%.0f s of processor time",
            fate == SPINS ? "took " : "napped for long, and did not take ", seconds * patience);
    return false;
}

bool check_child(struct check_run *c, void (*body)(struct check_run *, void *arg), void *arg,
                 unsigned seconds, const char *expected) {
    c->doing[0]      = '\0';
    const pid_t self = getpid(), child = fork();
    if (child < 0) {
        check_unsupported(c, "fork failed");
        return false;
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != self)
            _exit(1);
        prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
        if (!body)
            return true;
        body(c, arg);
        _exit(0);
    }
    int status           = 0;
    const enum fate fate = wait_for(c, child, seconds);
    if (fate == SLEEPS || fate == SPINS || fate == NAPS)
        take_stacks(c, child);
    if (fate != ENDS)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0)
        continue;
    /* It may have ended while it noted something. Relaxed: waitpid orders what the child did. */
    if (!check_failed(c))
        __atomic_store_n(&c->failing, 0, __ATOMIC_RELAXED);
    if (c->verdict != CHECK_UNSUPPORTED)
        __atomic_store_n(&c->excusing, 0, __ATOMIC_RELAXED);
    if (fate != ENDS)
        return give_up(c, fate, seconds, expected);
    if (WIFSIGNALED(status))
        return check_that(c, false, expected, "a forked child was killed by SIG%s%s",
                          sigabbrev_np(WTERMSIG(status)), c->doing);
    return check_that(c, WEXITSTATUS(status) == 0, expected,
                      "a forked child ended with exit code %d", WEXITSTATUS(status)) &&
           c->verdict != CHECK_FAIL;
}
