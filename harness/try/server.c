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
static const double traffic_rest  = 0.1; /* between two commands of light traffic */
/* Processes are counted so often at most, and in one part of the time in so many. */
static const double count_often = 0.05, count_share = 200;

/* A process, and what it prints. */
struct party {
    struct started started;
    int fd; /* a pidfd; -1: it does not run */
    struct drain out, err;
};

struct serving_run {
    const struct server_request *request;
    struct served *served;
    struct party server, load, other; /* `other`: a command after the load */
    struct party *asks;               /* one of the last two, that runs or ran last */
    int status;                       /* of the last that asked */
    struct watch *watch;
    double zero;       /* when watching began */
    double next_count; /* when processes are counted again */
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
    const struct try_options *o = r->request->options;
    if (strncmp(o->ready, "port:", 5) == 0)
        return port_answers((unsigned)atoi(o->ready + 5));
    if (strncmp(o->ready, "file:", 5) == 0)
        return access(o->ready + 5, F_OK) == 0;
    return regexec(&o->ready_line, r->server.out.tail, 0, NULL, 0) == 0 ||
           regexec(&o->ready_line, r->server.err.tail, 0, NULL, 0) == 0;
}

static void take(struct drain *d, const struct pollfd *p) {
    if (p->revents && d->fd >= 0)
        drain_take(d);
}

static void reap(struct serving_run *r) {
    struct rusage usage;
    int status;
    for (pid_t p; (p = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        if (p == r->asks->started.child) {
            r->status = status;
            continue; /* what the load used is not the server's */
        }
        descendants_add_usage(&r->served->run.usage, &usage);
    }
}

/* Does the server fork without end, or what asks it? */
static bool has_too_many(struct serving_run *r) {
    static struct descendant found[DESCENDANTS_MOST + 1];
    const double now = measure_now();
    if (now < r->next_count)
        return false;
    const size_t count = descendants_list(found, DESCENDANTS_MOST + 1);
    const double rest  = (measure_now() - now) * count_share;
    r->next_count      = measure_now() + (rest > count_often ? rest : count_often);
    return count > DESCENDANTS_MOST;
}

/* Lets some time pass, and takes what is printed meanwhile. False: there was an interrupt, or there
 * are too many processes. */
static bool step(struct serving_run *r, bool *server_ended, bool *asks_ended) {
    char text[60];
    struct party *server = &r->server, *asks = r->asks;
    struct pollfd p[]          = {{server->fd, POLLIN, 0},     {asks->fd, POLLIN, 0},
                                  {server->out.fd, POLLIN, 0}, {server->err.fd, POLLIN, 0},
                                  {asks->out.fd, POLLIN, 0},   {asks->err.fd, POLLIN, 0}};
    const struct timespec wait = {0, STEP_MS * 1000000L};
    const int ready            = ppoll(p, sizeof p / sizeof *p, &wait, spawn_open_mask());
    *server_ended              = ready > 0 && p[0].revents;
    *asks_ended                = ready > 0 && p[1].revents;
    if (*asks_ended && asks == &r->load)
        r->served->run.wall_seconds = measure_now() - asks->started.at;
    if (ready > 0) {
        take(&server->out, &p[2]);
        take(&server->err, &p[3]);
        take(&asks->out, &p[4]);
        take(&asks->err, &p[5]);
    }
    if (spawn_interrupted()) {
        r->served->run.end = MEASURED_INTERRUPTED;
        return false;
    }
    if (!has_too_many(r))
        return true;
    snprintf(text, sizeof text, "more than %d processes at once; killed", DESCENDANTS_MOST);
    return fail(r, text);
}

/* It asks the server, and so its memory is not the server's, from its first instant. */
static enum start_go leave_out(void *arg, pid_t child) {
    const struct serving_run *r = arg;
    if (r->watch)
        watch_leave_out(r->watch, child);
    return START_GO;
}

static bool start(struct serving_run *r, const struct start *what, struct party *party,
                  const regex_t *number) {
    char text[160];
    if (!start_program(what, party == &r->server ? NULL : leave_out, r, &party->started)) {
        snprintf(text, sizeof text, "cannot be started: %s: %s", party->started.step,
                 strerrordesc_np(party->started.error));
        return fail(r, text);
    }
    drain_begin(&party->out, party->started.out, number);
    drain_begin(&party->err, party->started.err, number);
    party->fd = pidfd_open(party->started.child, 0);
    return party->fd >= 0 || fail(r, "cannot be followed (pidfd_open)");
}

/* Of a server that ends before its time. */
static bool ended_early(struct serving_run *r, const char *when) {
    char text[200];
    struct descendant left;
    reap(r);
    snprintf(text, sizeof text, "the server ended %s%s", when,
             descendants_list(&left, 1) && r->asks->fd < 0
                 ? " and left processes behind: it must stay in the foreground, no daemon"
                 : "");
    while (drain_take(&r->server.err) && r->server.err.fd >= 0)
        continue;
    return fail_with_words(r, text, &r->server.err, &r->server.out);
}

static bool start_server(struct serving_run *r) {
    char text[200];
    bool server_ended, load_ended;
    const double limit = r->request->server.timeout_seconds;
    if (is_ready(r)) {
        snprintf(text, sizeof text, "%s is there before the server was started: another program?",
                 r->request->options->ready);
        return fail(r, text);
    }
    if (!start(r, &r->request->server.start, &r->server, NULL))
        return false;
    while (!is_ready(r)) {
        if (!step(r, &server_ended, &load_ended))
            return false;
        if (server_ended)
            return ended_early(r, "before it was ready");
        if (measure_now() - r->server.started.at <= limit)
            continue;
        snprintf(text, sizeof text, "the server is not ready after %g s (%s)", limit,
                 r->request->options->ready);
        return fail_with_words(r, text, &r->server.err, &r->server.out);
    }
    return true;
}

/* Starts a command of sh that is not under the allocator. */
static bool ask(struct serving_run *r, const char *command, struct party *party) {
    static char shell[] = "sh", option[] = "-c";
    char *const argv[]     = {shell, option, (char *)command, NULL};
    const struct start how = {.path        = "/bin/sh",
                              .argv        = argv,
                              .environment = r->request->plain,
                              .directory   = r->request->options->directory};
    r->asks                = party;
    return start(r, &how, party, party == &r->load ? r->request->server.number : NULL);
}

/* Of a command that has ended: did it end well? `what` it was. */
static bool ended_well(struct serving_run *r, const char *what) {
    char text[100];
    struct party *p = r->asks;
    reap(r);
    drain_end(&p->out);
    drain_end(&p->err);
    close(p->fd);
    p->fd = -1;
    if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0)
        return true;
    if (WIFEXITED(r->status))
        snprintf(text, sizeof text, "%s ended with exit code %d", what, WEXITSTATUS(r->status));
    else
        snprintf(text, sizeof text, "%s was killed by %s", what, text_signal(WTERMSIG(r->status)));
    return fail_with_words(r, text, &p->err, &p->out);
}

/* Runs a command to its end, and reads the server's memory then. */
static bool run_phase(struct serving_run *r, const char *command, struct party *party,
                      const char *what, struct phase_end *end) {
    char text[120];
    bool server_ended, ended = false;
    const double limit = r->request->server.timeout_seconds;
    if (!ask(r, command, party))
        return false;
    while (!ended) {
        if (!step(r, &server_ended, &ended))
            return false;
        if (server_ended && !ended) {
            snprintf(text, sizeof text, "while %s ran", what);
            return ended_early(r, text);
        }
        if (measure_now() - party->started.at > limit) {
            snprintf(text, sizeof text, "%s did not end in time (--timeout gives it more)", what);
            return fail(r, text);
        }
    }
    if (!ended_well(r, what))
        return false;
    *end = (struct phase_end){measure_now() - r->zero, r->watch ? watch_pss_now(r->watch) : 0};
    return true;
}

static bool run_load(struct serving_run *r) {
    const struct try_options *o = r->request->options;
    char what[40];
    r->zero  = measure_now();
    r->watch = r->request->server.unwatched ? NULL : watch_new();
    if (r->watch) {
        watch_begin(r->watch, r->server.started.child, -1);
        r->served->ready = watch_pss_now(r->watch);
    }
    if (!run_phase(r, o->load, &r->load, "the load", &r->served->phase[0]))
        return false;
    for (size_t i = 0; i < o->thens.count; i++) {
        snprintf(what, sizeof what, "command %zu of --then", i + 1);
        if (!run_phase(r, o->thens.item[i], &r->other, what, &r->served->phase[i + 1]))
            return false;
    }
    return true;
}

/* Light traffic: one command after the other, with rests. `next`: when the next one is due. */
static bool keep_asking(struct serving_run *r, bool ended, double *next) {
    if (ended && !ended_well(r, "the command of --traffic"))
        return false;
    if (ended)
        *next = measure_now() + traffic_rest;
    return r->asks->fd >= 0 || measure_now() < *next ||
           ask(r, r->request->options->traffic, &r->other);
}

/* Its memory at the end of the last phase, and later. */
static bool wait_after(struct serving_run *r) {
    const struct try_options *o = r->request->options;
    bool server_ended, ended;
    double next      = 0;
    const double end = measure_now();
    if (!r->watch)
        return true;
    r->served->after[0] = r->served->phase[o->thens.count].bytes;
    for (size_t i = 0; i < o->afters; i++) {
        while (measure_now() - end < o->after[i]) {
            if (!step(r, &server_ended, &ended))
                return false;
            if (server_ended)
                return ended_early(r, "after the load");
            if (r->request->traffic && !keep_asking(r, ended, &next))
                return false;
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
    const bool asked = r->server.fd >= 0 && m->end != MEASURED_INTERRUPTED && !*r->served->problem;
    if (asked)
        kill(-r->server.started.child, SIGTERM);
    while (asked && m->end != MEASURED_INTERRUPTED && !server_ended &&
           measure_now() - begin < patience)
        (void)step(r, &server_ended, &load_ended);
    reap(r);
    descendants_end(&m->usage);
    struct party *const parties[] = {&r->server, &r->load, &r->other};
    for (size_t i = 0; i < sizeof parties / sizeof *parties; i++) {
        if (parties[i]->fd >= 0)
            close(parties[i]->fd);
        drain_end(&parties[i]->out);
        drain_end(&parties[i]->err);
    }
    const struct drain *out = &r->load.out, *err = &r->load.err;
    m->number     = isnan(out->value) ? err->value : out->value;
    m->out_bytes  = out->bytes;
    m->out_hash   = drain_hash(out);
    m->peak_bytes = m->memory.peak.pss;
}

static void begin(struct serving_run *r, const struct server_request *request,
                  struct served *served) {
    *served = (struct served){.run = {.number = NAN}};
    *r      = (struct serving_run){.request = request, .served = served, .asks = &r->load};
    struct party *const parties[] = {&r->server, &r->load, &r->other};
    for (size_t i = 0; i < sizeof parties / sizeof *parties; i++) {
        parties[i]->fd = -1;
        drain_begin(&parties[i]->out, -1, NULL);
        drain_begin(&parties[i]->err, -1, NULL);
    }
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
        look_sort(look, r.server.started.child);
    }
    stop(&r);
    look->run = served->run;
}
