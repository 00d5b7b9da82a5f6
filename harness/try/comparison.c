#include "comparison.h"

#include "progress.h"
#include "text.h"

#include <math.h>
#include <string.h>

enum { PREPARE_LIMIT = 600 }; /* seconds */

void comparison_say(const char *row, const char *text) {
    progress_clear();
    text_say("%s: %s", row, text);
}

void comparison_note(struct row *row, const char *text, bool aloud) {
    if (row->notes == NOTES)
        return;
    snprintf(row->note[row->notes++], sizeof row->note[0], "%s", text);
    if (aloud)
        comparison_say(row->name, text);
}

void comparison_fail(struct row *row, const char *cause) {
    snprintf(row->cause, sizeof row->cause, "%s", cause);
    comparison_say(row->name, cause);
}

struct measure_request comparison_request(const struct comparison *c, size_t row) {
    const struct try_options *o = c->options;
    const struct row *r         = &c->trial.lineup.row[row];
    const struct build *build   = &c->build[r->against];
    return (struct measure_request){
        .start           = {.path        = build->path,
                            .argv        = build->argv,
                            .environment = r->environment,
                            .directory   = o->directory,
                            .input       = o->input,
                            .limit       = c->limit,
                            .thp         = r->own.thp_never ? START_THP_NEVER : START_THP_AS_IS},
        .timeout_seconds = o->common.timeout_seconds,
        .number          = o->metric ? &o->number : NULL,
        .shared          = c->known[row].shared,
        .high_water      = c->known[row].high_water,
        .unwatched       = r->own.unwatched,
    };
}

struct server_request comparison_server(const struct comparison *c, size_t row) {
    const struct row *r = &c->trial.lineup.row[row];
    return (struct server_request){
        .server  = comparison_request(c, row),
        .options = c->options,
        .plain   = c->trial.lineup.plain,
        .library = *r->library ? r->preload.path : NULL,
    };
}

bool comparison_prepare(struct comparison *c, struct row *row) {
    static struct spawn_result result;
    const struct try_options *o = c->options;
    char problem[PROBLEM_BYTES];
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
    const int length = snprintf(problem, sizeof problem, "--prepare ");
    spawn_describe_end(&result, PREPARE_LIMIT, problem + length, sizeof problem - (size_t)length);
    if (!spawn_interrupted())
        comparison_fail(row, problem);
    return false;
}

/* What a run that ended well must also have: the output of the first row, and a number. */
static const char *other_problem(struct comparison *c, const struct row *row,
                                 const struct measured *m, char *text, size_t size) {
    const struct try_options *o = c->options;
    if (o->metric && isnan(m->number)) {
        snprintf(text, size,
                 "printed no number that --metric matches; 1234.5, 1,234.5 and 0,53 are numbers");
        return text;
    }
    if (!o->same_output)
        return NULL;
    const char **first = &c->printed[row->against].row;
    uint64_t *hash     = &c->printed[row->against].hash;
    if (!*first) {
        *first = row->name;
        *hash  = m->out_hash;
    }
    if (*hash == m->out_hash)
        return NULL;
    if (strcmp(*first, row->name) == 0)
        snprintf(text, size, "printed something else than in its run before (--same-output)");
    else
        snprintf(text, size, "printed something else than %s (--same-output)", *first);
    return text;
}

const char *comparison_limited(struct comparison *c, const char *problem, char *text, size_t size) {
    const uint64_t bytes = c->options->limit_bytes, mib = 1 << 20;
    if (!problem || !memory_limit_killed(&c->limit))
        return problem;
    snprintf(text, size, "needs more than the limit of %.*f MiB", bytes % mib ? 2 : 0,
             (double)bytes / (double)mib);
    return text;
}

const char *comparison_problem(struct comparison *c, size_t row, const struct measured *m,
                               const struct measure_request *request, char *text, size_t size) {
    const struct row *r = &c->trial.lineup.row[row];
    const char *problem = measured_problem(m, request, c->options->good_code, text, size);
    problem             = comparison_limited(c, problem, text, size);
    return problem ? problem : other_problem(c, r, m, text, size);
}

void comparison_know(struct comparison *c, size_t row, const struct measured *m) {
    struct known *k = &c->known[row];
    k->varies       = k->varies || (k->ran && k->hash != m->out_hash);
    k->ran          = true;
    k->silent       = k->silent || !m->out_bytes;
    k->hash         = m->out_hash;
    if (m->peak_bytes > k->peak)
        k->peak = m->peak_bytes;
    if (m->wall_seconds > k->seconds)
        k->seconds = m->wall_seconds;
}
