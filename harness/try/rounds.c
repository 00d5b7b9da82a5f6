/* The runs that are timed, in rounds that hold each row once. */
#include "comparison.h"
#include "exit_code.h"
#include "progress.h"
#include "script.h"

#include <math.h>
#include <string.h>

enum { FIRST_LOOK = 10 }; /* rounds after which the judge is first asked whether they suffice */

static double seconds_left(const struct comparison *c, double pace, size_t total) {
    double left          = pace * (double)(total - c->done);
    const double allowed = c->options->budget_seconds - (measure_now() - c->began);
    if (c->options->budget_seconds > 0 && allowed < left)
        left = allowed > 0 ? allowed : 0;
    return left;
}

/* All once more, on a new server that is not left alone. */
static void run_traffic(struct server_request request, struct served *served, json_t *more) {
    request.traffic = true;
    server_run(&request, served);
    if (!*served->problem && served->run.end != MEASURED_INTERRUPTED)
        json_object_set_new(more, "traffic", trial_memory_after(request.options, served));
}

/* Returns why it does not count, or NULL. */
static const char *run_server(struct comparison *c, size_t row, struct measured *m, json_t **more,
                              char *text, size_t size) {
    static struct served served;
    const struct try_options *o         = c->options;
    const struct server_request request = comparison_server(c, row);
    server_run(&request, &served);
    *m    = served.run;
    *more = json_object();
    if (!*served.problem && m->end != MEASURED_INTERRUPTED && !request.server.unwatched) {
        trial_describe_server(*more, o, &served);
        if (o->traffic)
            run_traffic(request, &served, *more);
        if (served.run.end == MEASURED_INTERRUPTED)
            m->end = MEASURED_INTERRUPTED;
    }
    if (*served.problem)
        return comparison_limited(c, served.problem, text, size);
    if (!o->metric || !isnan(m->number))
        return NULL;
    snprintf(
        text, size,
        "the load printed no number that --metric matches; 1234.5, 1,234.5 and 0,53 are numbers");
    return text;
}

static void run_row(struct comparison *c, size_t row, unsigned round, bool counts) {
    static struct measured m;
    struct row *r                        = &c->trial.lineup.row[row];
    const struct measure_request request = comparison_request(c, row);
    char text[PROBLEM_BYTES];
    if (!comparison_prepare(c, r))
        return;
    json_t *more        = NULL;
    const char *problem = NULL;
    if (c->options->server)
        problem = run_server(c, row, &m, &more, text, sizeof text);
    else
        measure_run(&request, &m);
    if (m.end == MEASURED_INTERRUPTED) {
        json_decref(more);
        return;
    }
    if (!c->options->server)
        problem = comparison_problem(c, row, &m, &request, text, sizeof text);
    if (problem)
        comparison_fail(r, problem);
    else
        comparison_know(c, row, &m);
    if (!counts && !problem) {
        json_decref(more);
        return;
    }
    trial_add_run(&c->trial, row, round, &m, problem, more);
    if (!problem && round < TRIAL_CURVES)
        trial_write_curve(c->keep.curves.stream, r->name, round, &m.memory);
}

static void run_round(struct comparison *c, unsigned round, bool counts) {
    const struct plan *p = &c->plan;
    const size_t first   = round * p->round_samples;
    const size_t rounds  = c->options->runs ? c->options->runs : FIRST_LOOK;
    const double began   = measure_now();
    size_t here          = 0;
    for (size_t i = 0; i < p->round_samples && !spawn_interrupted(); i++) {
        const size_t row = p->sample[first + i].row;
        if (*c->trial.lineup.row[row].cause)
            continue;
        const size_t total = c->plan.rows * (rounds > round ? rounds : round + 1);
        const double pace  = c->done ? (measure_now() - c->began) / (double)c->done
                             : here  ? (measure_now() - began) / (double)here
                                     : -1;
        progress_show(counts ? "run" : "warm-up", counts ? c->done + 1 : i + 1,
                      counts ? total : p->round_samples,
                      pace < 0 ? -1 : seconds_left(c, pace, total), c->trial.lineup.row[row].name);
        keep_renew(&c->keep, &c->trial, false);
        run_row(c, row, round, counts);
        c->done += counts;
        here++;
    }
    c->trial.rounds += counts && !spawn_interrupted();
}

/* Asks the judge whether the intervals are narrow enough. It is asked ever less often, and its
 * answer depends on their widths alone, never on what they say. */
static bool is_precise(struct comparison *c, unsigned rounds) {
    static unsigned next;
    if (rounds == 1)
        next = FIRST_LOOK;
    if (rounds < next)
        return false;
    next = rounds + 1 + rounds / 5;
    char percent[32];
    snprintf(percent, sizeof percent, "%.6g", c->options->precision * 100);
    if (!keep_renew(&c->keep, &c->trial, true))
        return false;
    progress_clear();
    const char *const words[] = {"--is-precise", percent, c->keep.results.directory, NULL};
    return script_run(c->judge, words, false) == EXIT_GOOD;
}

static bool goes_on(struct comparison *c, unsigned rounds, double last) {
    const struct try_options *o = c->options;
    const double spent          = measure_now() - c->began;
    if (spawn_interrupted() || !lineup_left(&c->trial.lineup))
        return false;
    if (rounds && o->budget_seconds > 0 && spent + last > o->budget_seconds)
        return false;
    if (o->runs)
        return rounds < o->runs;
    return rounds < TRY_MOST_RUNS && !is_precise(c, rounds);
}

void comparison_run(struct comparison *c) {
    for (unsigned w = 0; w < c->options->warmup && !spawn_interrupted(); w++)
        run_round(c, w, false);
    c->began    = measure_now();
    double last = 0;
    for (unsigned round = 0; goes_on(c, round, last); round++) {
        const double begin = measure_now();
        run_round(c, round, true);
        if (!round) {
            keep_renew(&c->keep, &c->trial, true);
            comparison_outputs(c); /* who fails at once needs no more rounds */
        }
        last = measure_now() - begin;
    }
    keep_renew(&c->keep, &c->trial, true);
    comparison_outputs(c);
    progress_clear();
}
