#include "spawn.h"

#include "descendants.h"
#include "preload_link.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupt;
static sigset_t original_mask; /* of the process before spawn_prepare; the child's */

static void on_signal(int number) {
    interrupt = number;
}

void spawn_prepare(void) {
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t block;
    sigemptyset(&block);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
        struct sigaction old;
        sigaction(caught[i], NULL, &old);
        if (old.sa_handler == SIG_IGN) /* nohup(1) asked for that */
            continue;
        sigaction(caught[i], &(struct sigaction){.sa_handler = on_signal}, NULL);
        sigaddset(&block, caught[i]);
    }
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigprocmask(SIG_BLOCK, &block, &original_mask);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int spawn_interrupted(void) {
    sigset_t mask;
    sigprocmask(SIG_SETMASK, &original_mask, &mask); /* a pending signal is delivered here */
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return interrupt;
}

static struct {
    spawn_tick *call; /* NULL: none */
    double seconds;
    void *arg;
} common_tick;

void spawn_set_tick(spawn_tick *call, double seconds, void *arg) {
    common_tick.call    = call;
    common_tick.seconds = seconds;
    common_tick.arg     = arg;
}

const sigset_t *spawn_open_mask(void) {
    return &original_mask;
}

void spawn_restore_signals(void) {
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigprocmask(SIG_SETMASK, &original_mask, NULL);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* In the child, between fork and exec. Reports a failure through `report` and ends. */
static void become(const struct spawn_request *request, const char *preload, pid_t parent,
                   int record, int output, int report) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before the line above */
        _exit(127);
    spawn_restore_signals();

    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (preload)
        setenv("LD_PRELOAD", preload, 1);
    else
        unsetenv("LD_PRELOAD");
    for (const char *const *v = request->variables; v && *v; v++)
        putenv((char *)*v); /* which lives until exec */
    if (request->thp_never)
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    if (dup2(null, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(output, STDERR_FILENO) >= 0 && dup2(record, SPAWN_RECORD_FD) >= 0) {
        /* the child does not get what this process inherited */
        close_range(SPAWN_RECORD_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
        execv(request->argv[0], request->argv);
    }
    const int error = errno;
    if (write(report, &error, sizeof error) < 0)
        _exit(126);
    _exit(127);
}

/* A pipe whose two ends are closed by exec. Their numbers are not low: the child needs those. */
static bool high_pipe(int ends[2]) {
    int low[2];
    if (pipe2(low, O_CLOEXEC) != 0)
        return false;
    ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, SPAWN_RECORD_FD + 1);
    ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, SPAWN_RECORD_FD + 1);
    close(low[0]);
    close(low[1]);
    return ends[0] >= 0 && ends[1] >= 0;
}

/* Reads what is there. Returns false at the end of the stream. */
static bool read_record(int fd, struct spawn_result *result) {
    char spill[4096];
    const size_t room = sizeof result->record - 1 - result->record_length;
    const ssize_t got =
        read(fd, room ? result->record + result->record_length : spill, room ? room : sizeof spill);
    if (got > 0 && room)
        result->record_length += (size_t)got;
    else if (got > 0)
        result->record_overflow = true;
    return got > 0 || (got < 0 && errno == EINTR);
}

/* As read_record, but keeps the last part of a long output, where the cause of an end stands. */
static bool read_output(int fd, struct spawn_result *result) {
    char chunk[SPAWN_OUTPUT_BYTES / 2];
    const ssize_t got = read(fd, chunk, sizeof chunk);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    const size_t length = (size_t)got, limit = sizeof result->output - 1;
    if (result->output_length + length > limit) {
        const size_t drop = result->output_length + length - limit;
        memmove(result->output, result->output + drop, result->output_length - drop);
        result->output_length -= drop;
    }
    memcpy(result->output + result->output_length, chunk, length);
    result->output_length += length;
    return true;
}

/* Waits for the child's words and for its end, until the deadline. Returns why it stopped waiting:
 * SPAWN_EXITED stands for "the child has ended". */
static enum spawn_end listen(const struct spawn_request *request, pid_t child, double start,
                             int record, int output, struct spawn_result *result) {
    const int ended = pidfd_open(child, 0);
    if (ended < 0) {
        result->code = errno;
        return SPAWN_FAILED;
    }
    struct pollfd fd[]   = {{ended, POLLIN, 0}, {record, POLLIN, 0}, {output, POLLIN, 0}};
    spawn_tick *tick     = request->tick ? request->tick : common_tick.call;
    const double step    = request->tick ? request->tick_seconds : common_tick.seconds;
    void *const tick_arg = request->tick ? request->arg : common_tick.arg;
    double next_tick     = start + step;
    enum spawn_end end   = SPAWN_EXITED;
    while (!(fd[0].revents & POLLIN)) {
        double wait = request->timeout_seconds > 0 ? start + request->timeout_seconds - now() : 1e6;
        if (wait <= 0) {
            end = SPAWN_TIMED_OUT;
            break;
        }
        if (tick && next_tick - now() < wait)
            wait = next_tick - now();
        wait                        = wait < 0 ? 0 : wait;
        const struct timespec limit = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
        const int ready             = ppoll(fd, sizeof fd / sizeof *fd, &limit, &original_mask);
        if (interrupt) {
            end = SPAWN_INTERRUPTED;
            break;
        }
        if (tick && now() >= next_tick) {
            tick(tick_arg, child, now() - start);
            while (next_tick <= now())
                next_tick += step;
        }
        if (ready <= 0) {
            fd[0].revents = 0;
            continue;
        }
        if (fd[1].revents && !read_record(record, result))
            fd[1].fd = -1;
        if (fd[2].revents && !read_output(output, result))
            fd[2].fd = -1;
    }
    close(ended);
    return end;
}

/* After the child's end: what is still in the pipes. A descendant that escaped may hold them open,
 * and write, for ever: only as much as a pipe holds. */
static void drain(int fd, bool (*take)(int, struct spawn_result *), struct spawn_result *result) {
    struct pollfd p = {fd, POLLIN, 0};
    for (int reads = 0; reads < 64 && poll(&p, 1, 0) == 1 && take(fd, result); reads++)
        continue;
}

static double seconds_of(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static void finish(pid_t child, enum spawn_end end, struct spawn_result *result) {
    int status          = 0;
    struct rusage usage = {0};
    kill(-child, SIGKILL); /* what the child may have left behind; itself on a time-out */
    kill(child, SIGKILL);  /* before its setpgid, the group does not exist yet */
    pid_t ended;
    do
        ended = wait4(child, &status, 0, &usage);
    while (ended < 0 && errno == EINTR);
    const int error = errno;
    descendants_end(NULL); /* what left the group */
    result->cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    result->end         = end;
    if (end != SPAWN_EXITED)
        return;
    if (ended < 0) {
        result->end  = SPAWN_FAILED;
        result->code = error;
    } else if (WIFSIGNALED(status)) {
        result->end  = SPAWN_SIGNALED;
        result->code = WTERMSIG(status);
    } else {
        result->code = WEXITSTATUS(status);
    }
}

void spawn_run(const struct spawn_request *request, struct spawn_result *result) {
    int record[2] = {-1, -1}, output[2] = {-1, -1}, report[2] = {-1, -1};
    *result = (struct spawn_result){.end = SPAWN_FAILED};
    if (spawn_interrupted()) {
        result->end = SPAWN_INTERRUPTED;
        return;
    }
    struct preload_link link = {0};
    if (request->preload && !preload_link_open(&link, request->preload)) {
        result->code = errno;
        return;
    }
    const double start = now();
    const pid_t parent = getpid();
    pid_t child        = -1;
    if (high_pipe(record) && high_pipe(output) && high_pipe(report))
        child = fork();
    if (child == 0)
        become(request, request->preload ? link.path : NULL, parent, record[1], output[1],
               report[1]);
    result->code = errno;
    close(record[1]);
    close(output[1]);
    close(report[1]);
    if (child > 0) {
        enum spawn_end end = SPAWN_FAILED;
        int error;
        if (read(report[0], &error, sizeof error) == sizeof error)
            result->code = error;
        else
            end = listen(request, child, start, record[0], output[0], result);
        if (end == SPAWN_TIMED_OUT && request->stuck)
            request->stuck(request->arg, child);
        finish(child, end, result);
        if (end == SPAWN_EXITED) {
            drain(record[0], read_record, result);
            drain(output[0], read_output, result);
        }
    }
    close(record[0]);
    close(output[0]);
    close(report[0]);
    result->begin   = start;
    result->seconds = now() - start;
    preload_link_close(&link);
}

enum { LAST_LINE_BYTES = 300 };

/* The last line with something on it; a ruler, which sanitisers end with, is nothing. */
static const char *last_line(const struct spawn_result *result, int *length) {
    const char *text = result->output;
    size_t end       = result->output_length;
    while (end > 0 && strchr("\n =", text[end - 1]))
        end--;
    size_t begin = end;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    *length = (int)(end - begin);
    return text + begin;
}

void spawn_describe_end(const struct spawn_result *result, double timeout_seconds, char *text,
                        size_t size) {
    char how[160];
    switch (result->end) {
    case SPAWN_EXITED: snprintf(how, sizeof how, "ended with exit code %d", result->code); break;
    case SPAWN_SIGNALED:
        snprintf(how, sizeof how, "killed by %s", text_signal(result->code));
        break;
    case SPAWN_TIMED_OUT:
        snprintf(how, sizeof how, "no end after %g s; killed", timeout_seconds);
        break;
    case SPAWN_INTERRUPTED: snprintf(how, sizeof how, "interrupted"); break;
    case SPAWN_FAILED:
        snprintf(how, sizeof how, "cannot be started: %s", strerrordesc_np(result->code));
        break;
    }
    int length;
    const char *line = last_line(result, &length);
    length           = length > LAST_LINE_BYTES ? LAST_LINE_BYTES : length;
    snprintf(text, size, "%s%s%.*s", how, length ? ": " : "", length, line);
    text_clean(text);
}

void spawn_describe_hang(const struct spawn_result *result, double timeout_seconds, char *text,
                         size_t size) {
    spawn_describe_end(result, timeout_seconds, text, size);
    const size_t length = strlen(text);
    snprintf(text + length, size - length,
             "; it had %.1f s of processor time (--timeout gives it more)", result->cpu_seconds);
}
