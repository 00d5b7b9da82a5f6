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

void check_report_tap(const struct check_table *t, size_t cell, size_t check, size_t nth, FILE *to,
                      FILE *why) {
    const struct check_result *r  = check_table_at(t, cell, check);
    const struct check_info *info = &t->list->check[check];
    const bool failed = r->end == CHECK_RESULT_FAIL, finding = check_result_is_finding(r);
    char command[CHECK_RESULT_COMMAND_BYTES];
    fprintf(to, "%sok %zu - %s %s", failed || finding ? "not " : "", nth,
            t->registry->cell[cell].name, info->name);
    if (r->end == CHECK_RESULT_UNSUPPORTED) {
        fputs(" # SKIP ", to);
        print_line(r->seen, to);
    } else if (failed && !finding) {
        fputs(" # TODO ", to);
        print_line(r->known ? check_table_reason(r) : info->kind, to);
    }
    fputc('\n', to);
    if (r->end == CHECK_RESULT_RECORDED)
        fprintf(to, "# choice: %s\n", r->choice);
    if (failed || finding) {
        check_result_command(t->options, &t->registry->cell[cell], info, command, sizeof command);
        fputs("  ---\n", to);
        print_yaml("promise", info->summary, to);
        print_yaml("clause", info->clause, to);
        print_yaml("class", info->kind, to);
        print_yaml("expected", failed ? r->expected : "the known failure", to);
        print_yaml("seen", failed ? r->seen : "the promise kept", to);
        if (r->stacks)
            print_yaml("stacks", r->stacks, to);
        print_yaml("known", check_table_reason(r), to);
        print_yaml("repeat", command, to);
        fputs("  ...\n", to);
    }
    fflush(to);
    if (!finding)
        return;
    fprintf(why, "# %s: %s %s\n", failed ? "FAIL" : "fixed", t->registry->cell[cell].name,
            info->name);
    check_table_print_failure(t, cell, check, "#   ", why);
}

/* --- JSON --- */

static json_t *or_null(const char *text) {
    return *text ? json_string(text) : json_null();
}

static json_t *result_json(const struct check_table *t, size_t cell, size_t check) {
    const struct check_result *r    = check_table_at(t, cell, check);
    const struct check_info *info   = &t->list->check[check];
    const struct cell *c            = &t->registry->cell[cell];
    static const char *const ends[] = {"not run", "pass", "recorded", "not supported", "fail"};
    char command[CHECK_RESULT_COMMAND_BYTES];
    check_result_command(t->options, c, info, command, sizeof command);
    const bool failed = r->end == CHECK_RESULT_FAIL;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:O, s:o, s:o, s:o, s:o, s:o, s:f, s:s}",
                     "allocator", c->name, "check", info->name, "class", info->kind, "clause",
                     info->clause, "verdict", ends[r->end], "counts", (int)r->counts, "finding",
                     (int)check_result_is_finding(r), "known", r->known ? r->known : json_null(),
                     "choice", or_null(r->choice), "expected", or_null(failed ? r->expected : ""),
                     "seen", or_null(failed ? r->seen : ""), "reason",
                     or_null(r->end == CHECK_RESULT_UNSUPPORTED ? r->seen : ""), "stacks",
                     or_null(r->stacks ? r->stacks : ""), "seconds", r->seconds, "repeat", command);
}

static json_t *check_json(const struct check_info *info) {
    json_t *profiles = json_array();
    for (unsigned p = 1; options_profiles[p]; p++)
        if (info->profiles & 1u << p)
            json_array_append_new(profiles, json_string(options_profiles[p]));
    return json_pack("{s:s, s:s, s:o, s:s, s:s}", "name", info->name, "class", info->kind,
                     "profiles", profiles, "clause", info->clause, "summary", info->summary);
}

json_t *check_report_json(const struct check_table *t) {
    json_t *cells = json_array(), *checks = json_array(), *results = json_array();
    for (size_t k = 0; k < t->list->checks; k++)
        json_array_append_new(checks, check_json(&t->list->check[k]));
    for (size_t i = 0; i < t->registry->cells; i++) {
        const struct cell *c = &t->registry->cell[i];
        if (t->chosen[i] || *c->skipped || *c->broken)
            json_array_append_new(cells, context_cell(c));
        for (size_t k = 0; t->chosen[i] && k < t->list->checks; k++)
            json_array_append_new(results, result_json(t, i, k));
    }
    json_t *document = json_pack(
        "{s:i, s:b, s:s, s:I, s:b, s:f, s:o, s:o, s:o}", "schema", 1, "complete", (int)t->complete,
        "profile", options_profiles[t->options->profile], "seed", (json_int_t)t->options->seed,
        "whole", (int)t->options->whole, "timeout_seconds", t->options->timeout_seconds,
        "allocators", cells, "checks", checks, "results", results);
    context_add_run(document, t->started);
    return document;
}
