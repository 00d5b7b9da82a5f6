#include "try.h"

#include "exit_code.h"
#include "keep.h"
#include "locate.h"
#include "output.h"
#include "plan.h"
#include "progress.h"
#include "script.h"
#include "selection.h"
#include "server.h"
#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FIRST_LOOK    = 10, /* rounds after which the judge is first asked whether they suffice */
    RESERVED_RUNS = 100,
    PROBLEM_BYTES = 700,
    PREPARE_LIMIT = 600, /* seconds */
};

struct comparison {
    const struct try_options *options;
    struct trial trial;
    struct keep keep;
    struct plan plan;
    struct memory_limit limit;
    char path[PATH_MAX]; /* of the program */
    char *argv[4];       /* of a shell */
    char *load_argv[4];
    char judge[PATH_MAX];
    int64_t (*own)[2]; /* of each row: `shared` and `high_water` of struct measure_request */
    uint64_t output;   /* hash of what the first row printed */
    const char *first; /* which row that is; NULL: none ran yet */
    double began;
    size_t done, notes;
};

static void say(const char *row, const char *text) {
    progress_clear();
    text_say("%s: %s", row, text);
}

static void fail_row(struct row *row, const char *cause) {
    snprintf(row->cause, sizeof row->cause, "%s", cause);
    say(row->name, cause);
}

static struct measure_request request_of(const struct comparison *c, size_t row) {
    const struct try_options *o = c->options;
    const struct row *r         = &c->trial.lineup.row[row];
    return (struct measure_request){
        .start           = {.path        = c->path,
                            .argv        = c->argv[0] ? c->argv : o->program,
                            .environment = r->environment,
                            .directory   = o->directory,
                            .input       = o->input,
                            .limit       = c->limit,
                            .thp         = r->thp},
        .timeout_seconds = o->common.timeout_seconds,
        .number          = o->metric ? &o->number : NULL,
        .shared          = c->own[row][0],
        .high_water      = c->own[row][1],
        .unwatched       = r->unwatched,
    };
}

static struct server_request server_of(const struct comparison *c, size_t row) {
    const struct try_options *o = c->options;
    const struct row *r         = &c->trial.lineup.row[row];
    return (struct server_request){
        .server  = request_of(c, row),
        .load    = {.path        = c->path,
                    .argv        = c->load_argv,
                    .environment = c->trial.lineup.plain,
                    .directory   = o->directory},
        .ready   = o->ready,
        .after   = o->after,
        .afters  = o->afters,
        .library = *r->library ? r->library : NULL,
    };
}

/* False: it failed, `problem` says how; or there was an interrupt. */
static bool prepare(const struct try_options *o, char *problem, size_t size) {
    static struct spawn_result result;
    char *const argv[] = {"/bin/sh",
                          "-c",
                          "cd -- \"$0\" && eval \"$1\"",
                          (char *)(o->directory ? o->directory : "."),
                          (char *)o->prepare,
                          NULL};
    if (!o->prepare)
        return true;
    spawn_run(&(struct spawn_request){.argv = argv, .timeout_seconds = PREPARE_LIMIT}, &result);
    if (result.end == SPAWN_EXITED && result.code == 0)
        return true;
    const int length = snprintf(problem, size, "--prepare ");
    spawn_describe_end(&result, PREPARE_LIMIT, problem + length, size - (size_t)length);
    return false;
}

/* What a run that ended well must also have: the output of the first row, and a number. */
static const char *other_problem(struct comparison *c, const struct row *row,
                                 const struct measured *m, char *text, size_t size) {
    const struct try_options *o = c->options;
    if (o->metric && isnan(m->number)) {
        snprintf(text, size, "printed no number that --metric matches");
        return text;
    }
    if (!o->same_output)
        return NULL;
    if (!c->first) {
        c->first  = row->name;
        c->output = m->out_hash;
    }
    if (c->output == m->out_hash)
        return NULL;
    if (strcmp(c->first, row->name) == 0)
        snprintf(text, size, "printed something else than in its run before (--same-output)");
    else
        snprintf(text, size, "printed something else than %s (--same-output)", c->first);
    return text;
}

static const char *problem_of(struct comparison *c, size_t row, const struct measured *m,
                              const struct measure_request *request, char *text, size_t size) {
    const struct row *r = &c->trial.lineup.row[row];
    const char *problem = measured_problem(m, request, c->options->good_code, text, size);
    if (problem && memory_limit_killed(&c->limit)) {
        snprintf(text, size, "needs more than the limit of %llu MiB",
                 (unsigned long long)(c->options->limit_bytes >> 20));
        problem = text;
    }
    return problem ? problem : other_problem(c, r, m, text, size);
}

static void judge_identity(struct comparison *c, size_t row, const struct look *l) {
    struct row *r     = &c->trial.lineup.row[row];
    size_t unserved   = 0;
    const char *why   = NULL;
    const char *whose = "";
    for (size_t i = 0; i < l->processes; i++) {
        const struct look_process *p = &l->process[i];
        unserved += *p->why != '\0';
        if (*p->why && !why)
            why = p->why, whose = p->exe;
    }
    char text[PROBLEM_BYTES + PATH_MAX];
    if (unserved && unserved == l->processes) {
        snprintf(text, sizeof text, "it was not used: %s (%s)", why, whose);
        fail_row(r, text);
        /* Of one that nobody asked for, that is not a finding. */
        r->absent = !c->options->common.allocators.count && strcmp(why, LOOK_NO_MALLOC) == 0;
    } else if (l->processes && !*r->library && *l->process[0].object &&
               !strstr(l->process[0].object, "/libc") && !c->notes++) {
        snprintf(text, sizeof text, "without a preload, %s serves malloc in this program",
                 l->process[0].object);
        say(r->name, text);
    } else if (unserved && !c->notes++) {
        snprintf(text, sizeof text,
                 "%zu of %zu processes were not served by it: %s (%s); program.json lists all",
                 unserved, l->processes, why, whose);
        say(r->name, text);
    }
}

/* Runs the row once, looks into its processes, and finds out whether it can be measured. */
static void look_at(struct comparison *c, size_t row) {
    static struct look look;
    struct row *r                        = &c->trial.lineup.row[row];
    const struct measure_request request = request_of(c, row);
    char text[PROBLEM_BYTES];
    if (!prepare(c->options, text, sizeof text)) {
        if (!spawn_interrupted())
            fail_row(r, text);
        return;
    }
    static struct served served;
    const struct server_request server = server_of(c, row);
    if (c->options->server)
        server_look(&server, &look, &served);
    else
        look_run(&request, server.library, &look);
    if (look.run.end == MEASURED_INTERRUPTED)
        return;
    trial_add_look(&c->trial, row, &look);
    if (look.processes)
        c->own[row][0] = look.process[0].shared, c->own[row][1] = look.process[0].high_water;
    const char *problem = !c->options->server
                              ? problem_of(c, row, &look.run, &request, text, sizeof text)
                          : *served.problem ? served.problem
                                            : NULL;
    if (problem)
        fail_row(r, problem);
    else
        judge_identity(c, row, &look);
    if (!problem && look.run.left_behind && !*r->cause && !c->notes++)
        say(r->name, "the program ended and left processes behind, which were killed: what they do "
                     "later is not measured (--server is for servers)");
}

static size_t row_named(const struct lineup *l, const char *name) {
    size_t i = 0;
    while (i < l->rows && strcmp(l->row[i].name, name) != 0)
        i++;
    return i;
}

/* The C library's malloc first: what fails there fails for reasons of its own. */
static void look_at_all(struct comparison *c) {
    struct lineup *l   = &c->trial.lineup;
    const size_t first = row_named(l, "system");
    for (size_t k = 0; k <= l->rows && !spawn_interrupted(); k++) {
        const size_t i = k ? k - 1 : first;
        if (i == l->rows || (k && i == first) || *l->row[i].cause)
            continue;
        progress_show("look", k + 1, l->rows + 1, -1, l->row[i].name);
        look_at(c, i);
        if (i != first || !*l->row[i].cause || c->options->limit_bytes || spawn_interrupted())
            continue;
        for (size_t other = 0; other < l->rows; other++)
            if (!*l->row[other].cause)
                snprintf(l->row[other].cause, sizeof l->row[other].cause,
                         "not run: the program fails with the C library's malloc, too");
    }
    progress_clear();
}

static double seconds_left(const struct comparison *c, double pace, size_t total) {
    double left          = pace * (double)(total - c->done);
    const double allowed = c->options->budget_seconds - (measure_now() - c->began);
    if (c->options->budget_seconds > 0 && allowed < left)
        left = allowed > 0 ? allowed : 0;
    return left;
}

/* Returns why it does not count, or NULL. */
static const char *run_server(struct comparison *c, size_t row, struct measured *m, json_t **more,
                              char *text, size_t size) {
    static struct served served;
    const struct try_options *o         = c->options;
    const struct server_request request = server_of(c, row);
    server_run(&request, &served);
    *m    = served.run;
    *more = json_object();
    if (request.server.unwatched || *served.problem)
        return *served.problem ? served.problem : NULL;
    json_t *after = json_object();
    for (size_t i = 0; i <= o->afters; i++) {
        char seconds[32];
        snprintf(seconds, sizeof seconds, "%g", i ? o->after[i - 1] : 0);
        json_object_set_new(after, seconds, json_integer(served.after[i]));
    }
    json_object_set_new(*more, "after", after);
    if (!o->metric || !isnan(m->number))
        return NULL;
    snprintf(text, size, "the load printed no number that --metric matches");
    return text;
}

static void run_row(struct comparison *c, size_t row, unsigned round, bool counts) {
    static struct measured m;
    struct row *r                        = &c->trial.lineup.row[row];
    const struct measure_request request = request_of(c, row);
    char text[PROBLEM_BYTES];
    if (!prepare(c->options, text, sizeof text)) {
        if (!spawn_interrupted())
            fail_row(r, text);
        return;
    }
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
        problem = problem_of(c, row, &m, &request, text, sizeof text);
    if (problem)
        fail_row(r, problem);
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

static void run_rounds(struct comparison *c) {
    for (unsigned w = 0; w < c->options->warmup && !spawn_interrupted(); w++)
        run_round(c, w, false);
    c->began    = measure_now();
    double last = 0;
    for (unsigned round = 0; goes_on(c, round, last); round++) {
        const double begin = measure_now();
        run_round(c, round, true);
        last = measure_now() - begin;
        keep_renew(&c->keep, &c->trial, false);
    }
    progress_clear();
}

static bool make_plan(struct comparison *c) {
    const size_t rows    = c->trial.lineup.rows;
    struct plan_row *row = calloc(rows, sizeof *row);
    const unsigned most  = TRY_MOST_RUNS;
    bool good            = row;
    for (size_t i = 0; good && i < rows; i++)
        row[i].allocator = (unsigned)i;
    good = good && plan_make(&c->plan, row, rows, most, false, c->options->common.seed);
    free(row);
    c->own = calloc(rows, sizeof *c->own);
    for (size_t i = 0; c->own && i < rows; i++)
        c->own[i][0] = c->own[i][1] = -1;
    if (good && c->own)
        return true;
    text_say("out of memory");
    return false;
}

/* Finds the program before anything else is done. */
static bool find_program(struct comparison *c) {
    const struct try_options *o = c->options;
    if (!locate_directory(o->directory) || !locate_input(o->input))
        return false;
    if (!o->shell && !o->server)
        return locate_program(o->program[0], o->directory, c->path, sizeof c->path);
    static char shell[] = "sh", option[] = "-c";
    snprintf(c->path, sizeof c->path, "/bin/sh");
    c->argv[0] = shell, c->argv[1] = option,
    c->argv[2]      = (char *)(o->server ? o->server : o->program[0]);
    c->load_argv[0] = shell, c->load_argv[1] = option, c->load_argv[2] = (char *)o->load;
    return true;
}

/* Another copy of program.json, where the user wants one. */
static bool copy_document(const struct comparison *c) {
    const struct try_options *o = c->options;
    if (!o->json)
        return true;
    json_t *document = trial_document(&c->trial, true);
    const bool good  = document && json_dump_file(document, o->json, JSON_INDENT(1)) == 0;
    if (!good)
        text_say("cannot write %s: %s", o->json, strerrordesc_np(errno));
    json_decref(document);
    return good;
}

/* Saves all, lets the judge speak, and returns the exit code. */
static int finish(struct comparison *c) {
    const struct try_options *o = c->options;
    const char *directory       = c->keep.results.directory;
    const bool complete         = !spawn_interrupted();
    const size_t runs           = json_array_size(c->trial.runs);
    char problem[RESULTS_PROBLEM_BYTES];
    bool good = keep_close(&c->keep, &c->trial, complete) && copy_document(c);
    if (!complete) {
        text_say("%s; %zu runs are finished%s%s", strsignal(spawn_interrupted()), runs,
                 runs && good ? " and saved in " : "",
                 runs && good ? directory : "; nothing is saved");
        return EXIT_WRONG_USE;
    }
    if (good && !results_tell(&c->keep.results, o->common.directory_to, problem, sizeof problem)) {
        text_say("%s", problem);
        good = false;
    }
    const char *const words[] = {directory, NULL};
    if (good && !o->quiet && script_run(c->judge, words, false) != EXIT_GOOD)
        good = false;
    if (good)
        text_say("%zu runs of %zu rows: %s/program.json", runs, c->trial.lineup.rows, directory);
    size_t failed = 0;
    for (size_t i = 0; i < c->trial.lineup.rows; i++)
        failed += *c->trial.lineup.row[i].cause && !c->trial.lineup.row[i].absent;
    return !good ? EXIT_WRONG_USE : failed ? EXIT_FINDING : EXIT_GOOD;
}

static int compare(struct comparison *c, const struct registry *r, const bool *chosen) {
    const struct try_options *o = c->options;
    c->trial.options            = o;
    int code                    = EXIT_WRONG_USE;
    const bool ready            = lineup_open(&c->trial.lineup, o, r, chosen) && make_plan(c);
    const size_t rows           = c->trial.lineup.rows;
    if (ready && !lineup_left(&c->trial.lineup))
        text_say("no allocator is left to try; see 'spanbench list'");
    else if (ready && trial_open(&c->trial) &&
             keep_open(&c->keep, o, rows, rows * (o->runs ? o->runs : RESERVED_RUNS))) {
        memory_limit_open(&c->limit, o->limit_bytes);
        look_at_all(c);
        run_rounds(c);
        memory_limit_close(&c->limit);
        code = finish(c);
    }
    trial_close(&c->trial);
    lineup_close(&c->trial.lineup);
    plan_free(&c->plan);
    free(c->own);
    return code;
}

int try_command(int argc, char **argv) {
    static struct try_options options;
    static struct comparison comparison;
    struct registry registry = {0};
    bool *chosen             = NULL;
    int code                 = try_options_parse(argc, argv, &options);
    if (code >= 0)
        return code;
    code                     = EXIT_WRONG_USE;
    comparison.options       = &options;
    struct options describe  = options.common;
    describe.timeout_seconds = DEFAULT_TIMEOUT;
    if (find_program(&comparison) &&
        script_find("scripts/try_verdict.py", comparison.judge, sizeof comparison.judge) &&
        selection_open(&describe, &registry, &chosen) && !spawn_interrupted()) {
        code = compare(&comparison, &registry, chosen);
        if (!spawn_interrupted())
            code = selection_exit_code(&describe, &registry, "tried", code);
    }
    free(chosen);
    registry_close(&registry);
    return code;
}
