#include "long_rest.h"

#include "machine.h"
#include "progress.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Below so much free memory, the next process waits until one has ended. */
static const unsigned long long room_bytes = (unsigned long long)1 << 30;

static const double look_every = 0.2; /* seconds */

/* A copy of this process, which runs one cell and hands over what it says: spawn_run waits for one
 * child at a time. */
struct helper {
    pid_t process; /* 0: it has ended */
    int pipe;      /* from which its sample comes */
    size_t row;
    double since, works; /* its start, and for about how many seconds it is busy */
    size_t got;          /* bytes of the sample */
    struct sample sample;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One row for each allocator on a workload: the most threads that the CPUs can run at once. */
static bool has_process(const struct rows *r, size_t row) {
    const struct plan_row *own = &r->plan.row[row];
    if (!r->options->long_rest_seconds || !rows_memory_counts(rows_workload(r, row)))
        return false;
    for (size_t i = 0; i < r->plan.rows; i++) {
        const struct plan_row *p = &r->plan.row[i];
        if (p->workload != own->workload || p->allocator != own->allocator)
            continue;
        const bool fits = p->threads <= machine_cpus(), own_fits = own->threads <= machine_cpus();
        if (fits ? !own_fits || p->threads > own->threads : !own_fits && p->threads < own->threads)
            return false;
    }
    return true;
}

size_t long_rest_processes(const struct rows *r) {
    size_t processes = 0;
    for (size_t row = 0; row < r->plan.rows; row++)
        processes += has_process(r, row);
    return processes;
}

/* The processes rest after the end, and again after they gave memory back. */
static double rests_seconds(const struct rows *r) {
    return 2.0 * r->options->long_rest_seconds;
}

static double busy_seconds(const struct row_state *row) {
    return row->seconds > 0 ? 1.5 * row->seconds : 1;
}

double long_rest_seconds(const struct rows *r) {
    double work = 0;
    for (size_t row = 0; row < r->plan.rows; row++)
        work += has_process(r, row) ? busy_seconds(&r->state[row]) : 0;
    return work > 0 ? work / machine_cpus() + rests_seconds(r) : 0;
}

/* --- a helper --- */

/* In the copy. Never returns, and touches nothing of the run: the file is its original's. */
static _Noreturn void help(const struct rows *r, size_t row, int to, pid_t original) {
    static struct sample a;
    char later[16];
    struct sample_request request = rows_request(r, row, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* its cell ends with it, for the same reason */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (getppid() != original)
        _exit(1);
    spawn_set_tick(NULL, 0, NULL);
    snprintf(later, sizeof later, "%u", r->options->long_rest_seconds * 1000);
    request.later = later;
    /* All may work at once, and each has its own time for the work. */
    request.timeout_seconds =
        rests_seconds(r) + request.timeout_seconds * (double)long_rest_processes(r);
    sample_run(&request, &a);
    _exit(write(to, &a, sizeof a) == (ssize_t)sizeof a ? 0 : 1);
}

static void fail(struct helper *h, const char *what) {
    h->sample = (struct sample){.end = SAMPLE_FAILED};
    snprintf(h->sample.cause, sizeof h->sample.cause, "%s: %s", what, strerrordesc_np(errno));
}

/* False: it could not be started; its sample says why. */
static bool start(const struct rows *r, size_t row, struct helper *h) {
    int ends[2];
    const pid_t original = getpid();
    *h = (struct helper){.row = row, .since = now(), .works = busy_seconds(&r->state[row])};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        fail(h, "no pipe");
        return false;
    }
    fflush(NULL);
    h->process = fork();
    if (h->process == 0)
        help(r, row, ends[1], original);
    close(ends[1]);
    h->pipe = ends[0];
    if (h->process > 0)
        return true;
    fail(h, "no process");
    close(ends[0]);
    h->process = 0;
    return false;
}

/* Takes what there is of its sample. True: it has ended. */
static bool take(struct helper *h) {
    char *to           = (char *)&h->sample + h->got;
    const ssize_t part = read(h->pipe, to, sizeof h->sample - h->got);
    if (part < 0 && errno == EINTR)
        return false;
    h->got += part > 0 ? (size_t)part : 0;
    if (part > 0 && h->got < sizeof h->sample)
        return false;
    close(h->pipe);
    waitpid(h->process, NULL, 0);
    h->process = 0;
    if (h->got < sizeof h->sample) {
        errno = ECHILD;
        fail(h, "its helper ended early");
    }
    return true;
}

/* --- all of them --- */

struct crowd {
    struct rows *rows;
    struct save *saved;
    struct helper *helper;
    struct pollfd *fd; /* of those that run */
    size_t started, ended, failed;
};

static void note(struct crowd *c, const struct helper *h) {
    char name[ROW_NAME_BYTES];
    const bool good = h->sample.end == SAMPLE_GOOD;
    c->ended++;
    if (h->sample.end == SAMPLE_INTERRUPTED)
        return;
    rows_name(c->rows, h->row, name);
    save_add_long_rest(c->saved, name,
                       &(struct entry){.allocator = rows_cell(c->rows, h->row)->name,
                                       .workload  = rows_workload(c->rows, h->row)->name,
                                       .threads   = c->rows->plan.row[h->row].threads,
                                       .seed      = rows_seed(c->rows, 0),
                                       .failed    = !good,
                                       .record    = h->sample.record},
                       h->sample.cause);
    save_renew(c->saved, -1);
    if (good)
        return;
    c->failed++;
    progress_clear();
    text_say("no long rest of %s: %s", name, h->sample.cause);
}

/* Not more work than CPUs at once: who rests does not count. And there must be memory. */
static bool may_start(const struct crowd *c) {
    size_t busy = 0;
    for (size_t i = 0; i < c->started; i++)
        busy += c->helper[i].process && now() - c->helper[i].since < c->helper[i].works;
    return c->started == c->ended ||
           (busy < machine_cpus() && machine_memory_available() > room_bytes);
}

/* Starts the next one; `row` is that of the one before, or SIZE_MAX. Returns its row. */
static size_t start_next(struct crowd *c, size_t row) {
    do
        row++;
    while (!has_process(c->rows, row));
    struct helper *h = &c->helper[c->started++];
    if (*c->rows->state[row].stopped)
        c->ended++;
    else if (!start(c->rows, row, h))
        note(c, h);
    return row;
}

/* Waits a while for words of those that run. */
static void look(struct crowd *c) {
    nfds_t count = 0;
    for (size_t i = 0; i < c->started; i++)
        if (c->helper[i].process)
            c->fd[count++] = (struct pollfd){.fd = c->helper[i].pipe, .events = POLLIN};
    const struct timespec wait = {.tv_nsec = (long)(look_every * 1e9)};
    if (ppoll(c->fd, count, &wait, spawn_open_mask()) <= 0)
        return;
    for (size_t i = 0, at = 0; i < c->started; i++)
        if (c->helper[i].process && c->fd[at++].revents && take(&c->helper[i]))
            note(c, &c->helper[i]);
}

/* After an interrupt: each helper ends its cell, and itself. */
static void stop(struct crowd *c) {
    for (size_t i = 0; i < c->started; i++)
        if (c->helper[i].process)
            kill(c->helper[i].process, SIGTERM);
    for (size_t i = 0; i < c->started; i++)
        while (c->helper[i].process && !take(&c->helper[i]))
            continue;
}

size_t long_rest_run(struct rows *r, struct save *saved) {
    const size_t all = long_rest_processes(r);
    struct crowd c   = {.rows   = r,
                        .saved  = saved,
                        .helper = calloc(all + 1, sizeof *c.helper),
                        .fd     = calloc(all + 1, sizeof *c.fd)};
    const double end = now() + long_rest_seconds(r);
    size_t row       = SIZE_MAX;
    while (c.helper && c.fd && c.ended < all && !spawn_interrupted()) {
        char name[ROW_NAME_BYTES];
        if (c.started < all && may_start(&c)) {
            row = start_next(&c, row);
            rows_name(r, row, name);
            progress_show("long rest", c.started, all, end > now() ? end - now() : 0, name);
            continue;
        }
        look(&c);
    }
    stop(&c);
    free(c.helper);
    free(c.fd);
    return c.failed;
}
