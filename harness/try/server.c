#include "server.h"

#include "descendants.h"
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEP_MS = 10 };
/* Seconds. */
static const double patience      = 5; /* for its end, after SIGTERM */
static const double settled_after = 0.2;

struct serving_run {
    const struct server_request *request;
    struct served *served;
    struct started server, load;
    int server_fd, load_fd; /* pidfds; -1: it does not run */
    struct drain out, err, load_out, load_err;
    struct watch *watch;
    regex_t ready;
    bool has_regex;
};

static bool fail(struct serving_run *r, const char *text) {
    if (!*r->served->problem)
        snprintf(r->served->problem, sizeof r->served->problem, "%s", text);
    text_clean(r->served->problem);
    return false;
}

static bool fail_with_words(struct serving_run *r, const char *text, const struct drain *err,
                            const struct drain *out) {
    char all[400], words[DRAIN_TAIL_BYTES];
    memcpy(words, err->tail_length ? err->tail : out->tail, sizeof words);
    size_t end = strlen(words);
    while (end > 0 && strchr(" \r\n", words[end - 1]))
        words[--end] = '\0';
    const char *line = strrchr(words, '\n') ? strrchr(words, '\n') + 1 : words;
    snprintf(all, sizeof all, "%s%s%.250s", text, *line ? ": " : "", line);
    return fail(r, all);
}

static bool port_answers(unsigned port) {
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port   = htons((in_port_t)port),
                                   .sin_addr   = {htonl(INADDR_LOOPBACK)}};
    const int fd                = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    if (fd >= 0)
        close(fd);
    return answers;
}

static bool is_ready(struct serving_run *r) {
    const char *what = r->request->ready;
    if (strncmp(what, "port:", 5) == 0)
        return port_answers((unsigned)atoi(what + 5));
    if (strncmp(what, "file:", 5) == 0)
        return access(what + 5, F_OK) == 0;
    return r->has_regex && (regexec(&r->ready, r->out.tail, 0, NULL, 0) == 0 ||
                            regexec(&r->ready, r->err.tail, 0, NULL, 0) == 0);
}

static void take(struct drain *d, const struct pollfd *p) {
    if (p->revents && d->fd >= 0)
        drain_take(d);
}

static void reap(struct serving_run *r) {
    struct rusage usage;
    int status;
    for (pid_t p; (p = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        if (p == r->load.child) {
            r->served->run.status = status;
            continue; /* what the load used is not the server's */
        }
        descendants_add_usage(&r->served->run.usage, &usage);
    }
}

/* Lets some time pass, and takes what is printed meanwhile. False: there was an interrupt. */
static bool step(struct serving_run *r, bool *server_ended, bool *load_ended) {
    struct pollfd p[]          = {{r->server_fd, POLLIN, 0},   {r->load_fd, POLLIN, 0},
                                  {r->out.fd, POLLIN, 0},      {r->err.fd, POLLIN, 0},
                                  {r->load_out.fd, POLLIN, 0}, {r->load_err.fd, POLLIN, 0}};
    const struct timespec wait = {0, STEP_MS * 1000000L};
    const int ready            = ppoll(p, sizeof p / sizeof *p, &wait, spawn_open_mask());
    *server_ended              = ready > 0 && p[0].revents;
    *load_ended                = ready > 0 && p[1].revents;
    if (*load_ended)
        r->served->run.wall_seconds = measure_now() - r->load.at;
    if (ready > 0) {
        take(&r->out, &p[2]);
        take(&r->err, &p[3]);
        take(&r->load_out, &p[4]);
        take(&r->load_err, &p[5]);
    }
    if (!spawn_interrupted())
        return true;
    r->served->run.end = MEASURED_INTERRUPTED;
    return false;
}

static bool start(struct serving_run *r, const struct start *what, struct started *started,
                  struct drain *out, struct drain *err, int *fd, const regex_t *number) {
    char text[160];
    if (!start_program(what, NULL, NULL, started)) {
        snprintf(text, sizeof text, "cannot be started: %s: %s", started->step,
                 strerrordesc_np(started->error));
        return fail(r, text);
    }
    drain_begin(out, started->out, number);
    drain_begin(err, started->err, number);
    *fd = pidfd_open(started->child, 0);
    return *fd >= 0 || fail(r, "cannot be followed (pidfd_open)");
}

/* Of a server that ends before its time. */
static bool ended_early(struct serving_run *r, const char *when) {
    char text[80];
    snprintf(text, sizeof text, "the server ended %s", when);
    while (drain_take(&r->err) && r->err.fd >= 0)
        continue;
    return fail_with_words(r, text, &r->err, &r->out);
}

static bool start_server(struct serving_run *r) {
    char text[200];
    bool server_ended, load_ended;
    const double limit = r->request->server.timeout_seconds;
    if (is_ready(r)) {
        snprintf(text, sizeof text, "%s is there before the server was started: another program?",
                 r->request->ready);
        return fail(r, text);
    }
    if (!start(r, &r->request->server.start, &r->server, &r->out, &r->err, &r->server_fd, NULL))
        return false;
    while (!is_ready(r)) {
        if (!step(r, &server_ended, &load_ended))
            return false;
        if (server_ended)
            return ended_early(r, "before it was ready");
        if (measure_now() - r->server.at <= limit)
            continue;
        snprintf(text, sizeof text, "the server is not ready after %g s (%s)", limit,
                 r->request->ready);
        return fail_with_words(r, text, &r->err, &r->out);
    }
    return true;
}

static bool run_load(struct serving_run *r) {
    char text[80];
    bool server_ended, load_ended = false;
    const double limit = r->request->server.timeout_seconds;
    if (!start(r, &r->request->load, &r->load, &r->load_out, &r->load_err, &r->load_fd,
               r->request->server.number))
        return false;
    if (!r->request->server.unwatched)
        r->watch = watch_start(r->server.child, -1, r->load.child);
    while (!load_ended) {
        if (!step(r, &server_ended, &load_ended))
            return false;
        if (server_ended && !load_ended)
            return ended_early(r, "while the load ran");
        if (measure_now() - r->load.at > limit)
            return fail(r, "the load did not end in time (--timeout gives it more)");
    }
    reap(r);
    drain_end(&r->load_out);
    drain_end(&r->load_err);
    close(r->load_fd);
    r->load_fd       = -1;
    const int status = r->served->run.status;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    snprintf(text, sizeof text,
             WIFEXITED(status) ? "the load ended with exit code %d"
                               : "the load was killed by signal %d",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return fail_with_words(r, text, &r->load_err, &r->load_out);
}

/* Its memory at the end of the load, and later. */
static bool wait_after(struct serving_run *r) {
    bool server_ended, load_ended;
    const double end = measure_now();
    if (!r->watch)
        return true;
    r->served->after[0] = watch_pss_now(r->watch);
    for (size_t i = 0; i < r->request->afters; i++) {
        while (measure_now() - end < r->request->after[i]) {
            if (!step(r, &server_ended, &load_ended))
                return false;
            if (server_ended)
                return ended_early(r, "after the load");
        }
        r->served->after[i + 1] = watch_pss_now(r->watch);
    }
    return true;
}

static void stop(struct serving_run *r) {
    struct measured *m = &r->served->run;
    bool server_ended  = false, load_ended;
    if (r->watch)
        watch_stop(r->watch, &m->memory);
    const double begin = measure_now();
    if (r->server_fd >= 0 && m->end != MEASURED_INTERRUPTED && !*r->served->problem)
        kill(-r->server.child, SIGTERM);
    while (r->server_fd >= 0 && m->end != MEASURED_INTERRUPTED && !*r->served->problem &&
           !server_ended && measure_now() - begin < patience)
        (void)step(r, &server_ended, &load_ended);
    reap(r);
    descendants_end(&m->usage);
    if (r->server_fd >= 0)
        close(r->server_fd);
    if (r->load_fd >= 0)
        close(r->load_fd);
    drain_end(&r->out);
    drain_end(&r->err);
    drain_end(&r->load_out);
    drain_end(&r->load_err);
    m->number     = isnan(r->load_out.value) ? r->load_err.value : r->load_out.value;
    m->out_bytes  = r->load_out.bytes;
    m->out_hash   = drain_hash(&r->load_out);
    m->peak_bytes = m->memory.peak.pss;
    if (r->has_regex)
        regfree(&r->ready);
}

static void begin(struct serving_run *r, const struct server_request *request,
                  struct served *served) {
    *served = (struct served){.run = {.number = NAN}};
    *r = (struct serving_run){.request = request, .served = served, .server_fd = -1, .load_fd = -1};
    struct drain *const drains[] = {&r->out, &r->err, &r->load_out, &r->load_err};
    for (size_t i = 0; i < sizeof drains / sizeof *drains; i++)
        drain_begin(drains[i], -1, NULL);
    r->has_regex =
        strncmp(request->ready, "regex:", 6) == 0 &&
        regcomp(&r->ready, request->ready + 6, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) == 0;
    if (spawn_interrupted())
        served->run.end = MEASURED_INTERRUPTED;
}

void server_run(const struct server_request *request, struct served *served) {
    static struct serving_run r; /* its pipes have buffers */
    begin(&r, request, served);
    if (served->run.end == MEASURED_INTERRUPTED)
        return;
    if (start_server(&r) && run_load(&r))
        (void)wait_after(&r);
    stop(&r);
}

/* Some start their workers when they listen already. */
static bool settle(struct serving_run *r) {
    bool server_ended, load_ended;
    const double begin = measure_now();
    while (measure_now() - begin < settled_after) {
        if (!step(r, &server_ended, &load_ended))
            return false;
        if (server_ended)
            return ended_early(r, "when it was ready");
    }
    return true;
}

void server_look(const struct server_request *request, struct look *look, struct served *served) {
    static struct serving_run r;
    *look = (struct look){.run = {.number = NAN}};
    begin(&r, request, served);
    if (served->run.end == MEASURED_INTERRUPTED)
        return;
    if (start_server(&r) && settle(&r)) {
        look_identify_all(look, request->library);
        look_sort(look, r.server.child);
    }
    stop(&r);
    look->run = served->run;
}
