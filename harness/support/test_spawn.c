#include "spawn.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* Seconds: however busy the machine is, what is run here has ended by then. */
enum { PATIENCE = 300 };

static struct spawn_result result;
static char end[300];

/* Runs a shell script as the child. */
static void run(const char *script, double timeout, const char *preload) {
    char *argv[] = {"/bin/sh", "-c", (char *)script, NULL};
    spawn_run(&(struct spawn_request){.argv = argv, .timeout_seconds = timeout, .preload = preload},
              &result);
    spawn_describe_end(&result, timeout, end, sizeof end);
}

static void test_ends(void) {
    run("echo record >&3; echo out; echo err >&2; exit 7", PATIENCE, NULL);
    OK(result.end == SPAWN_EXITED && result.code == 7, "exit code");
    OK(strcmp(result.record, "record\n") == 0, "the record is read");
    CONTAINS(result.output, "out\nerr\n", "standard output and error are read");
    CONTAINS(end, "ended with exit code 7: err", "the end, for a person");

    run("echo why; echo =====; exit 7", PATIENCE, NULL);
    CONTAINS(end, "ended with exit code 7: why", "a ruler says nothing");

    run("kill -SEGV $$", PATIENCE, NULL);
    OK(result.end == SPAWN_SIGNALED && result.code == SIGSEGV, "death by a signal");
    CONTAINS(end, "SIGSEGV", "which is named");

    char *argv[] = {"/nonexistent/cell", NULL};
    spawn_run(&(struct spawn_request){.argv = argv, .timeout_seconds = PATIENCE}, &result);
    OK(result.end == SPAWN_FAILED && result.code == ENOENT, "a program that is not there");
}

/* NULL: there is none, or not its end. */
static const char *second_line(const char *text) {
    const char *first_end = strchr(text, '\n');
    return first_end && strchr(first_end + 1, '\n') ? first_end + 1 : NULL;
}

static void test_timeout(void) {
    /* its limit may come before its words, if the machine is busy: then with a longer one */
    double limit = 0.3;
    do {
        run("echo early >&3; sleep 60 & echo $! >&3; wait", limit, NULL);
        limit *= 4;
    } while (limit < 10 && !second_line(result.record));
    IS(result.end, SPAWN_TIMED_OUT, "a child that hangs is ended");
    OK(result.seconds < 50, "after its limit, and without waiting for its own end");
    CONTAINS(end, "no end after ", "and that is said");
    CONTAINS(result.record, "early", "what it said before is kept");
    const pid_t grandchild = (pid_t)atoi(second_line(result.record) ?: "");
    int tries              = 0;
    while (grandchild > 1 && kill(grandchild, 0) == 0 && tries++ < 400) /* init reaps in its time */
        usleep(50000);
    OK(grandchild > 1 && tries < 400, "its own children are ended, too");
}

static bool is_gone(pid_t process) {
    return kill(process, 0) != 0 && errno == ESRCH;
}

/* A child's child in a session of its own is not in the group. Nor is the child of that one, which
 * comes to this process only when its parent has died. */
static void test_daemon(void) {
    run("pids=$(setsid sh -c 'setsid sleep 60 >/dev/null 2>&1 3>&- & echo $$ $!;"
        " exec >/dev/null 2>&1 3>&-; sleep 60' &); echo $pids >&3",
        PATIENCE, NULL);
    char *second;
    const pid_t daemon = (pid_t)strtol(result.record, &second, 10);
    const pid_t its    = (pid_t)strtol(second, NULL, 10);
    OK(result.end == SPAWN_EXITED && daemon > 1 && its > 1, "a child that leaves daemons behind");
    OK(is_gone(daemon), "is ended with its daemon");
    OK(is_gone(its), "and with its daemon's daemon");
    OK(result.seconds < 50, "without waiting for their own end");
}

/* An ignored SIGCHLD, as some parents hand down, would make all children end well. */
static void test_inherited_signals(void) {
    run("exit 3", PATIENCE, NULL);
    OK(result.end == SPAWN_EXITED && result.code == 3, "an inherited SIGCHLD does no harm");
}

static void test_clean_text(void) {
    run("printf 'bad \\033[31m\\377 end\\n' >&2; exit 1", PATIENCE, NULL);
    CONTAINS(end, "bad  [31m? end", "the child's words are cleaned");
}

static void test_much_output(void) {
    run("head -c 300000 /dev/zero | tr '\\0' x >&3; seq 100000; echo last", PATIENCE, NULL);
    OK(result.end == SPAWN_EXITED && result.record_overflow, "too long a record is noticed");
    CONTAINS(result.output + result.output_length - 5, "last", "the end of long output is kept");
}

static void test_environment(void) {
    setenv("LD_PRELOAD", "", 1);
    run("echo \"[$LD_PRELOAD]\" >&3", PATIENCE, NULL);
    CONTAINS(result.record, "[]", "LD_PRELOAD of this process is not handed on");
    run("echo \"[$LD_PRELOAD]\" >&3", PATIENCE, "/nonexistent.so");
    CONTAINS(result.record, "[/nonexistent.so]", "a preload is");
    CONTAINS(result.output, "cannot be preloaded", "the dynamic linker's complaint is kept");
}

static int ticks;
static void tick(void *arg, pid_t child, double seconds) {
    (void)seconds;
    ticks += arg == &ticks && child > 0;
}

static void test_tick(void) {
    char *argv[]                       = {"/bin/sleep", "0.5", NULL};
    const struct spawn_request request = {.argv            = argv,
                                          .timeout_seconds = PATIENCE,
                                          .tick            = tick,
                                          .tick_seconds    = 0.01,
                                          .arg             = &ticks};
    for (int tries = 0; ticks < 3 && tries < 20; tries++) { /* a busy machine may let it starve */
        ticks = 0;
        spawn_run(&request, &result);
    }
    OK(ticks >= 3, "the sampler is called while the child runs (%d times)", ticks);
    OK(ticks <= result.seconds / 0.01 + 1, "the sampler is called no more often (%d times)", ticks);
}

static void test_interrupt(void) {
    raise(SIGINT); /* blocked: pending until the next child */
    run("echo ran >&3", PATIENCE, NULL);
    IS(result.end, SPAWN_INTERRUPTED, "an interrupt between two children is noticed");
    OK(result.record_length == 0, "before the next one starts");
    IS(spawn_interrupted(), SIGINT, "and remembered");
}

int main(void) {
    signal(SIGCHLD, SIG_IGN);
    signal(SIGINT, SIG_DFL); /* a shell starts what is in the background with it ignored */
    spawn_prepare();
    test_ends();
    test_daemon();
    test_inherited_signals();
    test_clean_text();
    test_timeout();
    test_much_output();
    test_environment();
    test_tick();
    test_interrupt();
    return tap_done();
}
