/* fork in a signal handler. The check is of the noun `fork`, too. In POSIX.1-2017, fork is one of
 * the functions that a handler may call; POSIX.1-2024 has _Fork for that, and leaves fork undefined
 * there. The C library's fork takes no lock in a process with one thread. */
#include "alarms.h"
#include "check.h"

#include <signal.h>
#include <unistd.h>

enum { FORKS = 300, HELD = 64, FILLED = 64 };
static struct check_run *run;
static void *held[HELD];
static volatile sig_atomic_t forks, steps, in_child;

/* The child returns from the handler, and goes on with what was interrupted. A signal that came
 * while this one waited for its child follows at once: it would find the same place again. */
static void fork_here(int number) {
    static sig_atomic_t steps_before;
    (void)number;
    if (steps == steps_before)
        return;
    steps_before     = steps;
    const pid_t self = getpid();
    check_child(run, NULL, NULL, 1, "a child that goes on");
    in_child = getpid() != self;
    forks    = forks + 1;
}

static bool intact(struct check_run *c, size_t i) {
    return !held[i] || check_that(c, contents_intact(held[i], FILLED, i) == FILLED,
                                  "a live block belongs to its owner alone",
                                  "a block changed in the %s", in_child ? "child" : "parent");
}

static void use_one(struct check_run *c) {
    const uint64_t random = check_random(c);
    const size_t i        = random % HELD;
    const size_t size     = FILLED + (random >> 8) % ((random >> 40) % 8 ? 3000 : 600000);
    if (!intact(c, i))
        return;
    c->a->free(held[i]);
    held[i] = NULL;
    held[i] = c->a->malloc(size);
    MUST(c, held[i] != NULL, "a block", "malloc(%zu) gave NULL", size);
    contents_fill(held[i], FILLED, i);
    steps = steps + 1;
}

static void fork_in_handlers(struct check_run *c, void *arg) {
    timer_t ticker;
    (void)arg;
    run = c;
    if (!alarms_begin(&ticker, fork_here, 0))
        return check_unsupported(c, "there is no timer whose signals are for one thread");
    while (forks < FORKS && !in_child && c->verdict == CHECK_PASS) {
        use_one(c);
        check_progress(c);
    }
    /* timers are not inherited by a child */
    for (size_t i = 0; in_child && i < HELD && c->verdict == CHECK_PASS; i++)
        use_one(c);
    for (size_t i = 0; in_child && i < HELD && intact(c, i); i++)
        c->a->free(held[i]);
    if (!in_child)
        alarms_end(ticker);
}

CHECK(in_handler, .name = "fork.in_handler", .kind = CHECK_EXTENSION, .profiles = PROFILE_GLIBC,
      .clause  = "POSIX.1-2017 XSH 2.4.3: fork is async-signal-safe; not in POSIX.1-2024",
      .summary = "a signal handler that interrupted malloc or free forks: both processes go on") {
    check_child(c, fork_in_handlers, NULL, 30, "forks that come back");
}
