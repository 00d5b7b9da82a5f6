/* The first run of each row, which is not timed. */
#include "comparison.h"
#include "process.h"
#include "progress.h"
#include "unread.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <string.h>

/* How a row of the C library's malloc is added; "": there is one. */
static void c_library_hint(const struct lineup *l, char *text, size_t size) {
    Dl_info found;
    const char *file = dladdr((void *)gnu_get_libc_version, &found) ? found.dli_fname : NULL;
    const char *base = file ? process_base_name(file) : "libc.so.6";
    *text            = '\0';
    for (size_t i = 0; i < l->rows; i++)
        if (strcmp(process_base_name(l->row[i].library), base) == 0)
            return;
    snprintf(text, size, "; to compare with that, add --preload glibc=%s", file ? file : base);
}

/* The row has the library's name: "/lib/libfoo.so has no effect: the program is static". */
static const char *without_library(const char *why) {
    static const char between[] = " has no effect: ";
    const char *found           = strstr(why, between);
    return found ? found + strlen(between) : why;
}

static void judge_identity(struct comparison *c, size_t row, const struct look *l) {
    struct row *r   = &c->trial.lineup.row[row];
    size_t unserved = 0, processes = 0;
    const char *why   = NULL;
    const char *whose = "";
    for (size_t i = 0; i < l->processes; i++) {
        const struct look_process *p = &l->process[i];
        if (p->replaced) /* a shell that became the program, say */
            continue;
        processes++;
        unserved += *p->why != '\0';
        if (*p->why && !why)
            why = without_library(p->why), whose = p->exe;
    }
    const struct look_process *own = look_last_program(l);
    char text[PROBLEM_BYTES + PATH_MAX];
    if (unserved && unserved == processes) {
        snprintf(text, sizeof text, "it was not used: %s (%s)", why, whose);
        comparison_fail(r, text);
        /* Of one that nobody asked for, that is not a finding. */
        r->absent = !c->options->common.allocators.count && strcmp(why, LOOK_NO_MALLOC) == 0;
    } else if (own && !*r->library && *own->object && !own->system && !c->notes++) {
        char hint[PATH_MAX + 64] = ""; /* of no use where the program itself has it */
        if (strcmp(own->object, own->exe) != 0)
            c_library_hint(&c->trial.lineup, hint, sizeof hint);
        snprintf(text, sizeof text,
                 "without a preload, %s serves malloc in this program, not the C library%s",
                 own->object, hint);
        comparison_note(r, text, true);
    } else if (unserved) {
        snprintf(text, sizeof text,
                 "%zu of %zu processes were not served by it: %s (%s); program.json lists all",
                 unserved, processes, why, whose);
        comparison_note(r, text, !c->notes++);
    }
}

static void judge_options(struct row *r, const struct look *l) {
    char text[NOTE_BYTES];
    for (size_t i = 0; i < r->own.variables && !*r->cause && !r->own.documented; i++)
        if (unread_variable(l, r->own.variable[i], text, sizeof text))
            comparison_note(r, text, true);
    if (r->own.variables && unread_complaint(&l->run, text, sizeof text))
        comparison_note(r, text, true);
}

static void know_first(struct known *known, const struct look *look) {
    const struct look_process *last = look_last_program(look);
    if (!last)
        return;
    known->shared     = last->shared;
    known->high_water = last->high_water;
}

/* A process has one tracer, and the program names the call that it was refused. */
static const char *explain(const struct look *look, const char *problem, char *text, size_t size) {
    if (!look->traced || !strstr(problem, "ptrace"))
        return problem;
    snprintf(text, size, "%.500s (spanbench traces the first run itself, so what traces fails)",
             problem);
    return text;
}

/* Runs the row once, looks into its processes, and finds out whether it can be measured. */
static void look_at(struct comparison *c, size_t row) {
    static struct look look;
    struct row *r                        = &c->trial.lineup.row[row];
    const struct measure_request request = comparison_request(c, row);
    char text[PROBLEM_BYTES], how[PROBLEM_BYTES], told[PROBLEM_BYTES];
    static struct served served;
    if (!comparison_prepare(c, r))
        return;
    const struct server_request server = comparison_server(c, row);
    if (c->options->server)
        server_look(&server, &look, &served);
    else
        look_run(&request, server.library, &look);
    if (look.run.end == MEASURED_INTERRUPTED)
        return;
    trial_add_look(&c->trial, row, &look);
    know_first(&c->known[row], &look);
    const char *problem =
        !c->options->server ? comparison_problem(c, row, &look.run, &request, text, sizeof text)
        : *served.problem   ? comparison_limited(c, served.problem, text, sizeof text)
                            : NULL;
    if (problem) {
        const bool ended = look.run.end == MEASURED_ENDED;
        c->failed =
            ended && measured_problem(&look.run, &request, c->options->good_code, how, sizeof how);
        c->unstartable = c->unstartable || look.run.end == MEASURED_FAILED;
        comparison_fail(r, explain(&look, problem, told, sizeof told));
    } else {
        comparison_know(c, row, &look.run);
        judge_identity(c, row, &look);
        judge_options(r, &look);
    }
    if (!problem && look.run.left_behind && !*r->cause && !c->notes++)
        comparison_say(
            r->name, "the program ended and left processes behind, which were killed: what they do "
                     "later is not measured (--server is for servers)");
}

static size_t row_named(const struct lineup *l, const char *name) {
    size_t i = 0;
    while (i < l->rows && strcmp(l->row[i].name, name) != 0)
        i++;
    return i;
}

/* What fails with the C library's malloc fails for reasons of its own. */
void comparison_look(struct comparison *c) {
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
        const char *why = c->failed ? "the program fails with the C library's malloc, too"
                                    : "no result with the C library's malloc either";
        for (size_t other = 0; other < l->rows; other++)
            if (!*l->row[other].cause && !l->row[other].against)
                snprintf(l->row[other].cause, sizeof l->row[other].cause, "not run: %s", why);
    }
    progress_clear();
}
