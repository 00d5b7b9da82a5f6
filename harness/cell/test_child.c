/* check_child: what hangs is told from what waits for a processor. */
#include "check.h"
#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONGER = CHECK_SLEEPS_SECONDS + 2, SECONDS = 1 };

static void end(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
}

static void note(struct check_run *c, void *arg) {
    (void)arg;
    check_that(c, false, "no failure", "a failure");
}

static void die(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    raise(SIGKILL);
}

static void leave(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    _exit(7);
}

static void sleep_on(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    for (;;)
        pause();
}

static void *sleep_in_thread(void *arg) {
    sleep_on(NULL, arg);
    return NULL;
}

/* All its threads sleep, and its own child. */
static void sleep_all(struct check_run *c, void *arg) {
    pthread_t thread;
    pthread_create(&thread, NULL, sleep_in_thread, NULL);
    if (fork() == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    sleep_on(c, arg);
}

static void spin(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    for (;;)
        __asm__ volatile("");
}

/* Works for ever, and says so. */
static void get_on(struct check_run *c, void *arg) {
    (void)arg;
    for (;;)
        check_progress(c);
}

/* Is not run any more. */
static void stop(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    for (;;)
        raise(SIGSTOP);
}

/* Tries for a lock that nobody gives back. With long naps: however busy the machine is, it waits
 * for a processor for less time than it sleeps. */
static void try_on(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    for (;;)
        nanosleep(&(struct timespec){1, 0}, NULL);
}

/* Sleeps, again and again. */
static void nap(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    for (unsigned i = 0; i < LONGER * 10; i++)
        nanosleep(&(struct timespec){0, 100000000}, NULL);
}

/* Is not run for a while, as where others have the processors. */
static void starve(struct check_run *c, void *arg) {
    (void)c;
    (void)arg;
    const pid_t self = getpid();
    if (fork() == 0) {
        nanosleep(&(struct timespec){LONGER, 0}, NULL);
        kill(self, SIGCONT);
        _exit(0);
    }
    raise(SIGSTOP);
}

/* Waits for a child of its own that is not run for a while. */
static void wait_for_starved(struct check_run *c, void *arg) {
    const pid_t child = fork();
    if (child == 0) {
        starve(c, arg);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static const struct {
    const char *what;
    void (*body)(struct check_run *, void *);
    const char *seen; /* a part; NULL: it passes */
    bool at_deadline; /* it has one, LONGER from now */
    bool slow;        /* it is not a failure, but not supported */
} cases[] = {
    {"a child that ends", end, NULL, false, false},
    {"that fails", note, "a failure", false, false},
    {"that dies", die, "killed by SIGKILL", false, false},
    {"that exits", leave, "exit code 7", false, false},
    {"that sleeps", sleep_on, "nothing woke it", false, false},
    {"that sleeps with its threads and children", sleep_all, "nothing woke it", false, false},
    {"that spins", spin, "of processor time", false, false},
    {"that naps for longer than one that hangs may", nap, NULL, false, false},
    {"that naps for good", try_on, "napped for long", false, false},
    {"that is not run for as long", starve, NULL, false, false},
    {"that waits for one that is not run for as long", wait_for_starved, NULL, false, false},
    {"that gets on, at the deadline", get_on, "too slow here", true, true},
    {"that is not run, at the deadline", stop, "TIMEOUT=540", true, true},
    {"that naps, at the deadline", try_on, "napped for long", true, false},
};
enum { CASES = sizeof cases / sizeof *cases };

static struct check_run of(size_t i) {
    struct check_run run = {.patience = 1};
    struct timespec now;
    check_begin_clock(&run, 1);
    OK(run.patience == 1 && run.give_seconds == 3 * CHECK_TIMEOUT_SECONDS, "nobody is hurried");
    clock_gettime(CLOCK_MONOTONIC, &now);
    run.deadline_ms = cases[i].at_deadline ? (now.tv_sec + LONGER) * 1000 : 0;
    return run;
}

static const char *words_of(const struct check_run *run) {
    return run->verdict == CHECK_UNSUPPORTED ? run->reason : run->seen;
}

/* Whatever another thread says, or is about to say: it was stopped while it wrote its words. */
static void failure_is_stronger(void) {
    struct check_run writing = {.excusing = 1}, excused = {0}, recorded = {0}, failed = {0};
    note(&writing, NULL);
    OK(check_failed(&writing) && strcmp(writing.seen, "a failure") == 0,
       "a failure is noted while another thread says that the check is not supported");
    check_unsupported(&excused, "an excuse");
    OK(excused.verdict == CHECK_UNSUPPORTED && strcmp(excused.reason, "an excuse") == 0,
       "the excuse is kept");
    note(&excused, NULL);
    OK(check_failed(&excused), "a failure comes after the excuse, and stays");
    check_choice(&recorded, "unique");
    note(&recorded, NULL);
    OK(check_failed(&recorded), "a failure comes after a choice, and stays");
    note(&failed, NULL);
    check_unsupported(&failed, "an excuse");
    check_choice(&failed, "unique");
    check_that(&failed, false, "no failure", "another");
    OK(check_failed(&failed) && strcmp(failed.seen, "a failure") == 0,
       "nothing comes after a failure");
}

/* All at once, for most of them wait; in a process each. */
int main(void) {
    failure_is_stronger();
    struct check_run *run =
        mmap(NULL, CASES * sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t process[CASES];
    for (size_t i = 0; i < CASES; i++) {
        run[i] = of(i);
        if ((process[i] = fork()) == 0)
            _exit(check_child(&run[i], cases[i].body, NULL, SECONDS, "an end") ? 0 : 1);
    }
    for (size_t i = 0; i < CASES; i++) {
        int status        = 0;
        const bool reaped = waitpid(process[i], &status, 0) == process[i] && WIFEXITED(status);
        const enum check_verdict verdict = !cases[i].seen  ? CHECK_PASS
                                           : cases[i].slow ? CHECK_UNSUPPORTED
                                                           : CHECK_FAIL;
        OK(reaped && WEXITSTATUS(status) == !!cases[i].seen, "%s: %s", cases[i].what,
           cases[i].seen ? words_of(&run[i]) : "passes");
        OK(run[i].verdict == verdict, "the verdict says so");
        OK(!cases[i].seen || strstr(words_of(&run[i]), cases[i].seen), "and why");
    }
    struct check_run patient = {0};
    check_begin_clock(&patient, 10 * CHECK_TIMEOUT_SECONDS);
    OK(patient.patience > 9.9, "a driver that waits for longer lets children take longer");
    return tap_done();
}
