#include "follow.h"

#include "descendants.h"
#include "living.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const double grace_seconds = 2; /* from SIGTERM to SIGKILL */
enum {
    MOST_EVENTS = 200, /* that are taken at once */
    FEW         = 8,   /* threads at whose ends a process is looked at again */
};
static const double first_look = 0.05, tick_seconds = 0.05;

struct follow {
    const struct follow_request *request;
    struct seen *seen;
    struct follow_end *end;
    sigset_t waited; /* what the loop waits for */
    pid_t program;
    double started, told; /* told: when the processes were asked to end; 0: they were not */
    bool busy;            /* there are more events */
};

/* ptrace takes numbers as pointers. */
static void *ptrace_data(long number) {
    return (void *)number; // NOLINT(performance-no-int-to-ptr)
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- the child -----------------------------------------------------------------------------------
 */

/* Waits until it is traced, and becomes the program. */
static void become(const struct follow_request *r, const sigset_t *mask, pid_t parent, int go,
                   int report) {
    char byte;
    while (read(go, &byte, 1) < 0 && errno == EINTR)
        ;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died, and nobody traces this process */
        _exit(127);
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (r->preload)
        setenv("LD_PRELOAD", r->preload, 1);
    if (r->to_stderr)
        dup2(STDERR_FILENO, STDOUT_FILENO);
    execvp(r->argv[0], r->argv);
    const int error = errno;
    (void)!write(report, &error, sizeof error);
    _exit(127);
}

/* --- what was seen -------------------------------------------------------------------------------
 */

/* A thread's process, and how many threads that has which were not waited for; the number itself
 * and 1 if that cannot be read. */
static pid_t process_of(pid_t thread, unsigned *threads) {
    char path[64], line[128];
    int process = thread;
    *threads    = 1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        (void)sscanf(line, "Tgid: %d", &process);
        if (sscanf(line, "Threads: %u", threads) == 1)
            break;
    }
    if (f)
        fclose(f);
    return process;
}

static bool is_process(pid_t thread) {
    unsigned threads;
    return process_of(thread, &threads) == thread;
}

/* The number of a process. The kernel may tell of what a child does before it tells of the fork. */
static int number_of(struct follow *f, pid_t pid) {
    struct process p;
    const int number = seen_find(f->seen, pid);
    if (number != SEEN_NONE || !process_look(pid, &p))
        return number;
    return seen_add(f->seen, pid, seen_find(f->seen, p.parent));
}

static void look(struct follow *f, int number, bool last) {
    struct seen_process *p = number == SEEN_NONE ? NULL : &f->seen->process[number];
    if (!p || p->full)
        return;
    seen_look(f->seen, number, f->request->preload, last ? SEEN_LAST : SEEN_ONCE);
    p->full = last;
}

static void on_fork(struct follow *f, pid_t thread) {
    unsigned long message = 0;
    if (ptrace(PTRACE_GETEVENTMSG, thread, NULL, &message) != 0)
        return;
    const pid_t child = (pid_t)message;
    unsigned threads;
    if (!is_process(child) || seen_find(f->seen, child) != SEEN_NONE)
        return; /* a thread, or it was heard of before */
    (void)seen_add(f->seen, child, seen_find(f->seen, process_of(thread, &threads)));
}

/* Of a fork, until it becomes another program: the same program as its parent. Whether it was
 * looked at in time is chance. */
static bool is_copy(const struct follow *f, const struct seen_process *p) {
    const struct seen_process *above = p->above == SEEN_NONE ? NULL : &f->seen->process[p->above];
    return p->image == 0 && above && above->serving &&
           strcmp(p->serving->program, above->serving->program) == 0;
}

static void on_exec(struct follow *f, pid_t process) {
    const int before = process == f->program ? seen_find(f->seen, process) : number_of(f, process);
    const int after  = seen_add(f->seen, process, before);
    if (before == SEEN_NONE || after == SEEN_NONE)
        return; /* the first program, or too much */
    struct seen_process *old = &f->seen->process[before], *new = &f->seen->process[after];
    old->replaced = true;
    new->image    = old->image + 1;
    /* Was it looked at in the midst of this exec? Then what was seen is of the new program. */
    char path[64], program[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)process);
    const ssize_t length             = readlink(path, program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    if (old->serving && (strcmp(old->serving->program, program) == 0 || is_copy(f, old)))
        old->serving = NULL;
}

/* Then all are killed, and none is looked at any more. */
static bool is_much(const struct follow *f) {
    return f->seen->overflow || f->end->too_many;
}

/* The process ends with its last thread. Of several that end at once the last may not be known as
 * such, for those that nobody has waited for yet are counted. So the last few are looked at. */
static void on_exit_of(struct follow *f, pid_t thread) {
    unsigned threads;
    const pid_t process    = process_of(thread, &threads);
    const int number       = is_much(f) ? SEEN_NONE : number_of(f, process);
    struct seen_process *p = number == SEEN_NONE ? NULL : &f->seen->process[number];
    if (!p)
        return;
    if (thread == process) {
        p->first_ended = true;
        look(f, number, threads == 1);
    } else if (p->first_ended && threads <= FEW) {
        look(f, number, threads <= 2);
    }
}

/* A stop of a traced thread; lets it go on. */
static void on_stop(struct follow *f, pid_t thread, int status) {
    const int event = status >> 16, number = WSTOPSIG(status);
    switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE: on_fork(f, thread); break;
    case PTRACE_EVENT_EXEC: on_exec(f, thread); break;
    case PTRACE_EVENT_EXIT: on_exit_of(f, thread); break;
    case PTRACE_EVENT_STOP:
        if (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU) {
            (void)ptrace(PTRACE_LISTEN, thread, NULL, NULL); /* it stays stopped until SIGCONT */
            return;
        }
        /* The first stop of a new process. What was killed as it forked does not tell of it. */
        if (is_process(thread))
            (void)number_of(f, thread);
        break;
    default:
        (void)ptrace(PTRACE_CONT, thread, NULL, ptrace_data(number)); /* a signal of its own */
        return;
    }
    (void)ptrace(PTRACE_CONT, thread, NULL, NULL);
}

/* Those that live and were not looked at yet, or all. */
static void look_at_living(struct follow *f, bool all) {
    for (size_t i = 0; i < f->seen->count; i++) {
        const struct seen_process *p = &f->seen->process[i];
        const bool looked            = p->serving && p->serving->state == SERVING_KNOWN;
        if (!p->ended && !p->replaced && (all || !looked))
            look(f, (int)i, false);
    }
}

static void tell_living(const struct follow *f, int signal) {
    for (size_t i = 0; i < f->seen->count; i++) {
        const struct seen_process *p = &f->seen->process[i];
        if (!p->ended && !p->replaced)
            kill(p->pid, signal);
    }
}

/* --- the loop ------------------------------------------------------------------------------------
 */

/* Takes what the kernel has to say, or a part of it: the time goes on, too. False: nothing is left
 * to follow. */
static bool take_events(struct follow *f) {
    int status;
    pid_t pid = 0;
    for (unsigned i = 0; i < MOST_EVENTS; i++) {
        pid = waitpid(-1, &status, __WALL | WNOHANG);
        if (pid <= 0)
            return pid == 0 || errno == EINTR;
        if (WIFSTOPPED(status)) {
            on_stop(f, pid, status);
            continue;
        }
        const int number = seen_find(f->seen, pid);
        if (number != SEEN_NONE)
            f->seen->process[number].ended = true;
        if (pid == f->program)
            f->end->status = status;
    }
    f->busy = true;
    return true;
}

static bool has_too_many(const struct follow *f) {
    size_t alive = 0;
    for (size_t i = 0; i < f->seen->count; i++)
        alive += !f->seen->process[i].ended && !f->seen->process[i].replaced;
    return alive > DESCENDANTS_MOST;
}

/* Is the time over, were we interrupted, or is it too much? Then all are asked to end, and made to
 * if they do not. */
static void end_in_time(struct follow *f, int signal) {
    const double at  = now();
    const bool asked = signal > 0 && signal != SIGCHLD;
    if (asked)
        f->end->interrupted = signal;
    const bool over = at - f->started > f->request->timeout_seconds;
    if (!f->told)
        f->end->too_many = has_too_many(f);
    const bool much = is_much(f);
    if (!f->told && (over || f->end->interrupted || much)) {
        if (!much)
            look_at_living(f, true);
        f->end->timed_out = over && !much;
        f->told           = at;
        tell_living(f, much ? SIGKILL : SIGTERM);
    } else if (f->told && (at - f->told > grace_seconds || asked || much))
        tell_living(f, SIGKILL);
}

static void watch(struct follow *f) {
    double looked = f->started + first_look;
    while (take_events(f)) {
        const struct timespec tick = {0, f->busy ? 0 : (long)(tick_seconds * 1e9)};
        f->busy                    = false;
        end_in_time(f, sigtimedwait(&f->waited, NULL, &tick));
        if (!f->told && now() > looked) {
            look_at_living(f, false);
            looked = now() + tick_seconds;
        }
    }
}

/* Starts the program, which waits until it is traced. An errno; 0: it runs. */
static int start(struct follow *f, const sigset_t *mask) {
    int go[2], report[2], error = 0;
    if (pipe2(go, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(report, O_CLOEXEC) != 0) {
        error = errno;
        close(go[0]);
        close(go[1]);
        return error;
    }
    const pid_t self = getpid();
    f->program       = fork();
    if (f->program == 0) {
        close(go[1]); /* or the read would not end if this process died */
        become(f->request, mask, self, go[0], report[1]);
    }
    const int forked   = errno;
    const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT;
    close(go[0]);
    close(report[1]);
    if (f->program < 0)
        error = forked;
    else if (ptrace(PTRACE_SEIZE, f->program, NULL, ptrace_data(options)) != 0) {
        error            = errno;
        f->end->untraced = true;
        kill(f->program, SIGKILL);
        waitpid(f->program, NULL, 0);
    }
    close(go[1]);
    if (!error) {
        watch(f);
        (void)!read(report[0], &error, sizeof error);
    }
    close(report[0]);
    return error;
}

void follow_program(const struct follow_request *request, struct seen *seen,
                    struct follow_end *end) {
    static const int numbers[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct follow f            = {.request = request, .seen = seen, .end = end, .started = now()};
    sigset_t before;
    *end = (struct follow_end){0};
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigemptyset(&f.waited);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&f.waited, numbers[i]);
    sigprocmask(SIG_BLOCK, &f.waited, &before);
    end->error = start(&f, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}
