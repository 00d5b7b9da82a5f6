#include "report.h"

#include "context.h"

/* --- TAP --- */

/* In one line, and without the mark of a directive. */
static void print_line(const char *text, FILE *to) {
    for (; *text; text++)
        fputc(*text == '\n' || *text == '#' ? ' ' : *text, to);
}

/* A JSON string is one of YAML, too. */
static void print_yaml(const char *key, const char *value, FILE *to) {
    json_t *text = json_string(value);
    fprintf(to, "  %s: ", key);
    json_dumpf(text, to, JSON_ENCODE_ANY);
    fputc('\n', to);
    json_decref(text);
}

void check_report_tap(const struct check_table *m, size_t cell, size_t check, size_t nth, FILE *to,
                      FILE *why) {
    const struct check_result *v  = check_table_at(m, cell, check);
    const struct check_info *info = &m->list->check[check];
    const bool failed = v->end == CHECK_FAIL, finding = check_result_is_finding(v);
    char command[CHECK_RESULT_COMMAND_BYTES];
    fprintf(to, "%sok %zu - %s %s", failed || finding ? "not " : "", nth,
            m->registry->cell[cell].name, info->name);
    if (v->end == CHECK_UNSUPPORTED) {
        fputs(" # SKIP ", to);
        print_line(v->seen, to);
    } else if (failed && !finding) {
        fputs(" # TODO ", to);
        print_line(v->known ? check_table_reason(v) : info->kind, to);
    }
    fputc('\n', to);
    if (v->end == CHECK_RECORDED)
        fprintf(to, "# choice: %s\n", v->choice);
    if (failed || finding) {
        check_result_command(m->options, &m->registry->cell[cell], info, command, sizeof command);
        fputs("  ---\n", to);
        print_yaml("promise", info->summary, to);
        print_yaml("clause", info->clause, to);
        print_yaml("class", info->kind, to);
        print_yaml("expected", failed ? v->expected : "the known failure", to);
        print_yaml("seen", failed ? v->seen : "the promise kept", to);
        if (v->stacks)
            print_yaml("stacks", v->stacks, to);
        print_yaml("known", check_table_reason(v), to);
        print_yaml("repeat", command, to);
        fputs("  ...\n", to);
    }
    fflush(to);
    if (!finding)
        return;
    fprintf(why, "# %s: %s %s\n", failed ? "FAIL" : "fixed", m->registry->cell[cell].name,
            info->name);
    check_table_print_failure(m, cell, check, "#   ", why);
}

/* --- JSON --- */

static json_t *or_null(const char *text) {
    return *text ? json_string(text) : json_null();
}

static json_t *result_json(const struct check_table *m, size_t cell, size_t check) {
    const struct check_result *v    = check_table_at(m, cell, check);
    const struct check_info *info   = &m->list->check[check];
    const struct cell *c            = &m->registry->cell[cell];
    static const char *const ends[] = {"not run", "pass", "recorded", "not supported", "fail"};
    char command[CHECK_RESULT_COMMAND_BYTES];
    check_result_command(m->options, c, info, command, sizeof command);
    const bool failed = v->end == CHECK_FAIL;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:O, s:o, s:o, s:o, s:o, s:o, s:f, s:s}",
                     "allocator", c->name, "check", info->name, "class", info->kind, "clause",
                     info->clause, "verdict", ends[v->end], "counts", (int)v->counts, "finding",
                     (int)check_result_is_finding(v), "known", v->known ? v->known : json_null(),
                     "choice", or_null(v->choice), "expected", or_null(failed ? v->expected : ""),
                     "seen", or_null(failed ? v->seen : ""), "reason",
                     or_null(v->end == CHECK_UNSUPPORTED ? v->seen : ""), "stacks",
                     or_null(v->stacks ? v->stacks : ""), "seconds", v->seconds, "repeat", command);
}

static json_t *check_json(const struct check_info *info) {
    json_t *profiles = json_array();
    for (unsigned p = 1; options_profiles[p]; p++)
        if (info->profiles & 1u << p)
            json_array_append_new(profiles, json_string(options_profiles[p]));
    return json_pack("{s:s, s:s, s:o, s:s, s:s}", "name", info->name, "class", info->kind,
                     "profiles", profiles, "clause", info->clause, "summary", info->summary);
}

json_t *check_report_json(const struct check_table *m) {
    json_t *cells = json_array(), *checks = json_array(), *results = json_array();
    for (size_t k = 0; k < m->list->checks; k++)
        json_array_append_new(checks, check_json(&m->list->check[k]));
    for (size_t i = 0; i < m->registry->cells; i++) {
        const struct cell *c = &m->registry->cell[i];
        if (m->chosen[i] || *c->skipped || *c->broken)
            json_array_append_new(cells, context_cell(c));
        for (size_t k = 0; m->chosen[i] && k < m->list->checks; k++)
            json_array_append_new(results, result_json(m, i, k));
    }
    json_t *document =
        json_pack("{s:i, s:b, s:s, s:I, s:f, s:o, s:o, s:o}", "schema", 1, "complete",
                  (int)m->complete, "profile", options_profiles[m->options->profile], "seed",
                  (json_int_t)m->options->seed, "timeout_seconds", m->options->timeout_seconds,
                  "allocators", cells, "checks", checks, "results", results);
    context_add_run(document, m->started);
    return document;
}
