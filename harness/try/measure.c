#include "measure.h"

#include "descendants.h"
#include "text.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS     = 50,
    SLACK_BYTES = 256 << 10, /* that a kernel may not have counted yet */
};

/* A program that prints line by line would wake this process at each of them. After a read that
 * found little, the pipe is left alone for this long: it holds a mebibyte. */
static const double pipe_rest = 0.001;

double measure_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct run {
    const struct measure_request *request;
    struct started started;
    struct watch *watch;
    struct drain out, err;
    double quiet_until; /* the pipes rest */
    struct measured *result;
};

static void reap_orphans(struct run *run, bool *ended) {
    struct rusage usage;
    int status;
    for (pid_t p; (p = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        descendants_add_usage(&run->result->usage, &usage);
        if (p != run->started.child)
            continue;
        run->result->status = status;
        *ended              = true;
    }
}

/* Waits for the end of the first process, an interrupt, or the time. */
static enum measured_end listen(struct run *run, int pidfd, bool *ended) {
    const double limit = run->request->timeout_seconds;
    double next_tick   = 0;
    for (;;) {
        const double now           = measure_now();
        const bool rest            = now < run->quiet_until;
        struct pollfd p[]          = {{pidfd, POLLIN, 0},
                                      {rest ? -1 : run->out.fd, POLLIN, 0},
                                      {rest ? -1 : run->err.fd, POLLIN, 0}};
        const struct timespec wait = {0, (rest ? 1 : TICK_MS) * 1000000L};
        const int ready            = ppoll(p, 3, &wait, spawn_open_mask());
        const double after         = measure_now();
        if (ready > 0 && p[0].revents) {
            run->result->wall_seconds = after - run->started.at;
            return MEASURED_ENDED;
        }
        if (spawn_interrupted())
            return MEASURED_INTERRUPTED;
        size_t got = 0;
        if (ready > 0 && p[1].revents)
            got += drain_take(&run->out);
        if (ready > 0 && p[2].revents)
            got += drain_take(&run->err);
        if (got && got < DRAIN_PIPE_BYTES / 4)
            run->quiet_until = measure_now() + pipe_rest;
        if (after < next_tick)
            continue;
        next_tick = after + TICK_MS * 1e-3;
        if (run->watch && watch_has_too_many(run->watch))
            return MEASURED_TOO_MANY;
        if (after - run->started.at > limit)
            return MEASURED_TIMED_OUT;
        reap_orphans(run, ended);
        if (*ended) {
            run->result->wall_seconds = measure_now() - run->started.at;
            return MEASURED_ENDED;
        }
    }
}

/* Of one process the kernel tells the high-water mark at its end, too, and so of one that nobody
 * saw at its peak. What others had then is what they had at the last reading. */
static int64_t peak_of(const struct run *run) {
    const struct watch_result *w = &run->result->memory;
    const int64_t shared         = run->request->shared >= 0 ? run->request->shared : w->shared;
    int64_t one                  = (int64_t)run->result->usage.ru_maxrss * 1024;
    /* what this process itself had, which the kernel counts, too, may be more than it ever had */
    if (one <= run->started.first_rss + SLACK_BYTES)
        one = run->request->high_water;
    if (one <= w->largest + SLACK_BYTES)
        return w->peak.pss;
    const int64_t peak = one - (shared > 0 ? shared : 0) + w->others;
    return peak > w->peak.pss ? peak : w->peak.pss;
}

static void follow(struct run *run) {
    struct measured *m = run->result;
    const int pidfd    = pidfd_open(run->started.child, 0);
    bool ended         = false;
    m->end             = pidfd >= 0 ? listen(run, pidfd, &ended) : MEASURED_FAILED;
    if (pidfd < 0)
        m->error = errno, m->step = "pidfd_open";
    else
        close(pidfd);
    if (run->watch)
        watch_stop(run->watch, &m->memory);
    if (m->end == MEASURED_ENDED)
        reap_orphans(run, &ended);
    m->left_behind = descendants_end(&m->usage);
    drain_end(&run->out);
    drain_end(&run->err);
    m->peak_bytes            = peak_of(run);
    m->out_bytes             = run->out.bytes;
    m->out_hash              = drain_hash(&run->out);
    m->number                = isnan(run->out.value) ? run->err.value : run->out.value;
    const struct drain *last = run->err.tail_length ? &run->err : &run->out;
    memcpy(m->last_words, last->tail, last->tail_length + 1);
}

void measure_run(const struct measure_request *request, struct measured *m) {
    static struct run run; /* its pipes have buffers */
    *m  = (struct measured){.number = NAN};
    run = (struct run){.request = request, .result = m};
    if (spawn_interrupted()) {
        m->end = MEASURED_INTERRUPTED;
        return;
    }
    run.watch = request->unwatched ? NULL : watch_new();
    if (!start_program(&request->start, NULL, NULL, &run.started)) {
        if (run.watch)
            watch_stop(run.watch, &m->memory);
        m->end   = MEASURED_FAILED;
        m->error = run.started.error;
        m->step  = run.started.step;
        return;
    }
    drain_begin(&run.out, run.started.out, request->number);
    drain_begin(&run.err, run.started.err, request->number);
    if (run.watch)
        watch_begin(run.watch, run.started.child, request->shared);
    follow(&run);
}

/* The last line with something on it. */
static const char *last_line(char *text) {
    size_t end = strlen(text);
    while (end > 0 && strchr(" \n\r\t", text[end - 1]))
        end--;
    text[end]        = '\0';
    const char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

const char *measured_problem(const struct measured *m, const struct measure_request *request,
                             int good_code, char *text, size_t size) {
    char how[200]     = "", words[DRAIN_TAIL_BYTES];
    const bool exited = m->end == MEASURED_ENDED && WIFEXITED(m->status);
    if (exited && WEXITSTATUS(m->status) == good_code)
        return NULL;
    switch (m->end) {
    case MEASURED_ENDED:
        if (exited)
            snprintf(how, sizeof how, "ended with exit code %d", WEXITSTATUS(m->status));
        else
            snprintf(how, sizeof how, "killed by %s", text_signal(WTERMSIG(m->status)));
        break;
    case MEASURED_TIMED_OUT:
        snprintf(how, sizeof how,
                 "no end after %g s; killed (--timeout gives it more; "
                 "a server needs --server)",
                 request->timeout_seconds);
        break;
    case MEASURED_TOO_MANY:
        snprintf(how, sizeof how, "more than %d processes at once; killed", WATCH_MOST_PROCESSES);
        break;
    case MEASURED_INTERRUPTED: snprintf(how, sizeof how, "interrupted"); break;
    case MEASURED_FAILED:
        snprintf(how, sizeof how, "cannot be started: %s: %s", m->step, strerrordesc_np(m->error));
        break;
    }
    memcpy(words, m->last_words, sizeof words);
    const char *line = m->end == MEASURED_ENDED ? last_line(words) : "";
    snprintf(text, size, "%s%s%.300s", how, *line ? ": " : "", line);
    text_clean(text);
    return text;
}
