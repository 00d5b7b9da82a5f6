#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define NATIVE AUDIT_ARCH_AARCH64
#else
#define NATIVE 0 /* not known: no exec is announced */
#endif

/* A page that the child shares with this process up to its exec. */
struct shared {
    double at;
    int64_t first_rss;
    int error;
    int step;
};

enum { STEP_FORK, STEP_GO, STEP_INPUT, STEP_DIRECTORY, STEP_LIMIT, STEP_OUTPUT, STEP_EXEC };
static const char *const steps[] = {
    [STEP_FORK] = "fork",        [STEP_GO] = "waiting to begin", [STEP_INPUT] = "--input",
    [STEP_DIRECTORY] = "--cwd",  [STEP_LIMIT] = "--limit",       [STEP_OUTPUT] = "its output",
    [STEP_EXEC] = "the program",
};

struct pipes {
    int out[2], err[2], go[2], report[2];
};

/* The parent hears of it at once: a traced child does not end before it is allowed to. */
static _Noreturn void give_up(struct shared *shared, int step, int report) {
    shared->error = errno;
    shared->step  = step;
    if (write(report, "", 1) != 1)
        _exit(126);
    _exit(127);
}

/* From now on, execve and execveat stop for the tracer before they begin. Others go on at once, and
 * so do those of another architecture, and the one of `own`, the path that this child executes:
 * its tracer is not listening yet. Without the right to do that, it does nothing. */
static void announce_exec(const char *own) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 2, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(uintptr_t)own, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof code / sizeof *code, code};
    if (!NATIVE || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
        return;
    /* Who is traced gains no privileges by exec anyway (ptrace(2)). But now it does not know of it
     * by AT_SECURE, either. */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* In the child, which is a copy of a process with threads: only what is safe after fork. */
static _Noreturn void become(const struct start *s, const struct pipes *p, pid_t parent,
                             struct shared *shared) {
    char go;
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before the line above */
        _exit(127);
    spawn_restore_signals();
    close(p->go[1]);
    if (read(p->go[0], &go, 1) != 1)
        _exit(127);
    const int in = open(s->input ? s->input : "/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0)
        give_up(shared, STEP_INPUT, p->report[1]);
    if (s->directory && chdir(s->directory) != 0)
        give_up(shared, STEP_DIRECTORY, p->report[1]);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(p->out[1], STDOUT_FILENO) < 0 ||
        dup2(p->err[1], STDERR_FILENO) < 0 ||
        close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
        give_up(shared, STEP_OUTPUT, p->report[1]);
    if (s->thp == START_THP_NEVER)
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    if (!memory_limit_enter(&s->limit))
        give_up(shared, STEP_LIMIT, p->report[1]);
    if (go == START_GO_TRACED)
        announce_exec(s->path);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    shared->first_rss = (int64_t)usage.ru_maxrss * 1024;
    shared->at        = measure_now();
    execve(s->path, s->argv, s->environment);
    give_up(shared, STEP_EXEC, p->report[1]);
}

static bool open_pipe(int ends[2], bool nonblocking) {
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    if (nonblocking) {
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        (void)fcntl(ends[0], F_SETPIPE_SZ, DRAIN_PIPE_BYTES); /* or as large as it may be */
    }
    return true;
}

static void close_pipe(const int ends[2]) {
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
}

/* Lets the child go on, and waits until it is another program, or has ended. */
static bool let_go(struct pipes *p, start_hook *hook, void *arg, pid_t child) {
    char nothing;
    close(p->report[1]);
    p->report[1]  = -1;
    const char go = (char)(hook ? hook(arg, child) : START_GO);
    if (go == START_NOT || write(p->go[1], &go, 1) != 1)
        return false;
    while (read(p->report[0], &nothing, 1) < 0 && errno == EINTR)
        continue;
    return true;
}

/* Which may be traced, and then stops once more at its end. */
static void end_child(pid_t child) {
    int status;
    kill(child, SIGKILL);
    while (waitpid(child, &status, __WALL) == child && WIFSTOPPED(status))
        ptrace(PTRACE_CONT, child, NULL, NULL);
}

bool start_program(const struct start *s, start_hook *hook, void *arg, struct started *started) {
    struct pipes p     = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    const pid_t parent = getpid();
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *started = (struct started){.child = -1, .out = -1, .err = -1};
    if (shared != MAP_FAILED && open_pipe(p.out, true) && open_pipe(p.err, true) &&
        open_pipe(p.go, false) && open_pipe(p.report, false))
        started->child = fork();
    started->error = started->child < 0 ? errno : 0;
    started->step  = steps[STEP_FORK];
    if (started->child == 0)
        become(s, &p, parent, shared);
    if (started->child > 0) {
        if (!let_go(&p, hook, arg, started->child))
            shared->error = errno ? errno : ECANCELED, shared->step = STEP_GO;
        started->at        = shared->at;
        started->first_rss = shared->first_rss;
        started->error     = shared->error;
        started->step      = steps[shared->step];
    }
    if (started->error && started->child > 0)
        end_child(started->child);
    if (!started->error) {
        started->out = p.out[0];
        started->err = p.err[0];
        p.out[0] = p.err[0] = -1;
    }
    close_pipe(p.out);
    close_pipe(p.err);
    close_pipe(p.go);
    close_pipe(p.report);
    if (shared != MAP_FAILED)
        munmap(shared, sizeof *shared);
    return !started->error;
}
