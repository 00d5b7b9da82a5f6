/* Limits that are there before the library is: set ahead of exec, as `ulimit -v` sets them. They
 * bind what a library reserves as it begins, which those of limits.c do not. The checks are of the
 * noun `limits`, too.
 *
 * The check starts its own program again, with the same arguments, under a limit. There it does its
 * work, says in memory that both share how far it got, and ends. */
#include "again.h"
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEAST_MIB = 32, MOST_MIB = 1024, HELD = 1 << 14, FILLED = 64, NO_ERROR = -1 };

static struct report {
    enum stage { NOTHING, FIRST, WORKED, REFUSED, FREED } stage; /* that it came to */
    size_t size;  /* of REFUSED: what was asked for */
    size_t count; /* how many blocks it had then */
    int error;    /* and errno; NO_ERROR: it had all */
    size_t lost;  /* blocks of them that had other bytes */
    int status;   /* of waitpid: how it ended */
} * report;

/* --- under the limit --- */

/* In the environment of the program that is started: the file descriptor of the report. */
static const char report_in[] = "SPANBENCH_LIMIT_REPORT";

static size_t size_of(size_t nth) {
    static const size_t sizes[] = {3000, 70000, 20000, 1 << 20, 100};
    return sizes[nth % (sizeof sizes / sizeof *sizes)];
}

/* Takes so many blocks, of which only the first bytes are written; fewer where there are no more.
 */
static size_t take(const struct check_run *c, void **held, size_t most) {
    size_t count = 0;
    for (; count < most; count++) {
        errno       = EDOM;
        held[count] = c->a->malloc(size_of(count));
        if (!held[count]) {
            report->error = errno;
            report->size  = size_of(count);
            break;
        }
        contents_fill(held[count], FILLED, count);
    }
    return count;
}

static void give_back(const struct check_run *c, void **held, size_t count) {
    for (size_t i = 0; i < count; i++) {
        report->lost += contents_intact(held[i], FILLED, i) != FILLED;
        c->a->free(held[i]);
    }
}

static _Noreturn void work(const struct check_run *c) {
    enum { SOME = 20 }; /* 5 MiB */
    static void *held[HELD];
    void *first = c->a->malloc(100);
    if (!first)
        _exit(0);
    report->stage = FIRST;
    c->a->free(first);
    size_t count = take(c, held, SOME);
    give_back(c, held, count);
    if (count == SOME)
        report->stage = WORKED;
    report->count = count = take(c, held, HELD);
    if (count < HELD)
        report->stage = report->stage == WORKED ? REFUSED : FIRST;
    give_back(c, held, count);
    if (report->stage == REFUSED)
        report->stage = FREED;
    _exit(0);
}

/* --- who starts it --- */

struct limit {
    int resource, memory; /* RLIMIT_*; the file of the report */
    unsigned mib;
};

/* Becomes this program, under a limit. Nothing that it says is heard but the report. */
static _Noreturn void start_under(const struct limit *l) {
    enum { CPU_SECONDS = 20 };
    const rlim_t bytes = (rlim_t)l->mib << 20;
    setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_SECONDS, CPU_SECONDS});
    if (setrlimit(l->resource, &(struct rlimit){bytes, bytes}) == 0)
        again_start(report_in, l->memory);
    _exit(127);
}

/* In a child, which is watched: waits for the end of the program that it starts. */
static void start_and_wait(struct check_run *c, void *arg) {
    const struct limit *l = arg;
    const pid_t started   = fork();
    (void)c;
    if (started == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        start_under(l);
    }
    while (started > 0 && waitpid(started, &report->status, 0) < 0)
        continue;
}

/* False: it hangs, or that cannot be told. */
static bool start(struct check_run *c, struct limit *l) {
    if (!report) {
        void *map = NULL;
        l->memory = again_share(sizeof *report, &map);
        if (l->memory < 0) {
            check_unsupported(c, "no memory can be shared with a program that is started");
            return false;
        }
        report = map;
    }
    *report         = (struct report){.stage = NOTHING, .error = NO_ERROR};
    const bool good = check_child(c, start_and_wait, l, 20, "a program that ends");
    check_tell(c, "%u MiB: stage %d of %d, %zu blocks, status %#x", l->mib, report->stage, FREED,
               report->count, (unsigned)report->status);
    return good && c->verdict == CHECK_PASS;
}

/* In the program that was started, works and does not come back. */
static void work_if_started(const struct check_run *c) {
    report = again_shared(report_in, sizeof *report);
    if (report)
        work(c);
}

static const char *name_of(int resource) {
    return resource == RLIMIT_AS ? "address space" : "data";
}

static void find_least(struct check_run *c, int resource) {
    struct limit l = {.resource = resource};
    char choice[24];
    work_if_started(c);
    for (l.mib = LEAST_MIB; l.mib <= MOST_MIB; l.mib *= 2) {
        if (!start(c, &l))
            return;
        snprintf(choice, sizeof choice, "%u MiB", l.mib);
        if (report->stage >= WORKED)
            return check_choice(c, choice);
    }
    check_that(c, false, "a program that starts and has some MiB",
               "with %d MiB of %s it does not start, or malloc gives NULL", MOST_MIB,
               name_of(resource));
}

static void fail_cleanly(struct check_run *c, int resource) {
    struct limit l = {.resource = resource};
    bool any       = false;
    work_if_started(c);
    for (l.mib = LEAST_MIB; l.mib <= MOST_MIB; l.mib *= 2) {
        if (!start(c, &l))
            return;
        const struct report r = *report;
        if (r.stage == NOTHING) /* how little is enough to begin is quality */
            continue;
        any = true;
        MUST(c, !WIFSIGNALED(r.status), "NULL at the limit",
             "with %u MiB of %s, it was killed by SIG%s when it had had blocks", l.mib,
             name_of(resource), sigabbrev_np(WTERMSIG(r.status)));
        MUST(c, WEXITSTATUS(r.status) == 0, "NULL at the limit",
             "with %u MiB of %s, it ended with exit code %d when it had had blocks", l.mib,
             name_of(resource), WEXITSTATUS(r.status));
        MUST(c, r.error == NO_ERROR || r.error == ENOMEM, "NULL, and errno is ENOMEM",
             "with %u MiB of %s, malloc(%zu) gave NULL and errno %s", l.mib, name_of(resource),
             r.size, strerrorname_np(r.error));
        MUST(c, !r.lost, "a live block belongs to its owner alone",
             "with %u MiB of %s, %zu of %zu blocks changed at the limit", l.mib, name_of(resource),
             r.lost, r.count);
    }
    if (!any)
        check_unsupported(c, "with %d MiB of %s it does not start", MOST_MIB, name_of(resource));
}

CHECK(least_address_space, .name = "limits.least_address_space", .kind = CHECK_QUALITY,
      .profiles = PROFILE_GLIBC, .clause = "getrlimit(2): RLIMIT_AS; ulimit -v",
      .summary = "the least of 32 MiB to 1 GiB of address space with which a program starts") {
    find_least(c, RLIMIT_AS);
}

CHECK(least_data, .name = "limits.least_data", .kind = CHECK_QUALITY, .profiles = PROFILE_GLIBC,
      .clause  = "getrlimit(2): RLIMIT_DATA; ulimit -d",
      .summary = "the least of 32 MiB to 1 GiB of data with which a program starts") {
    find_least(c, RLIMIT_DATA);
}

CHECK(address_space_first, .name = "limits.address_space_at_start", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX,
      .clause   = "C17 7.22.3p1, 7.22.3.4p3; POSIX.1-2024 malloc [ENOMEM]",
      .summary  = "a program that starts with 32 MiB to 1 GiB of address space: NULL, ENOMEM") {
    fail_cleanly(c, RLIMIT_AS);
}

CHECK(data_first, .name = "limits.data_at_start", .kind = CHECK_REQUIRED,
      .profiles = PROFILES_POSIX,
      .clause   = "C17 7.22.3p1, 7.22.3.4p3; POSIX.1-2024 malloc [ENOMEM]; getrlimit(2)",
      .summary  = "a program that starts with 32 MiB to 1 GiB of data: NULL, ENOMEM") {
    fail_cleanly(c, RLIMIT_DATA);
}
