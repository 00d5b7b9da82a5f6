#include "report.h"

#include "context.h"

#include <string.h>

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

/* --- JUnit --- */

/* XML 1.0 has no way to write a control character but these three; U+FFFE and U+FFFF neither. */
static bool is_no_xml(const char *text) {
    return (*text > 0 && *text < ' ' && !strchr("\t\n\r", *text)) ||
           strncmp(text, "\xef\xbf\xbe", 3) == 0 || strncmp(text, "\xef\xbf\xbf", 3) == 0;
}

static void xml(FILE *to, const char *text) {
    for (; *text; text++) {
        if (is_no_xml(text)) {
            fputc('?', to);
            text += *text < 0 ? 2 : 0; /* of three bytes */
            continue;
        }
        switch (*text) {
        case '&': fputs("&amp;", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '"': fputs("&quot;", to); break;
        case '\n': fputs("&#10;", to); break; /* in an attribute, it would become a blank */
        default: fputc(*text, to);
        }
    }
}

static void attribute(FILE *to, const char *name, const char *value) {
    fprintf(to, " %s=\"", name);
    xml(to, value);
    fputc('"', to);
}

static const char *why_skipped(const struct check_result *v) {
    switch (v->end) {
    case CHECK_NONE: return "not run: interrupted";
    case CHECK_UNSUPPORTED: return "not supported";
    case CHECK_FAIL: return v->known ? "known failure" : "a failure that does not count";
    default: return NULL;
    }
}

static void junit_case(const struct check_table *m, size_t cell, size_t check, FILE *to) {
    const struct check_result *v  = check_table_at(m, cell, check);
    const struct check_info *info = &m->list->check[check];
    char command[CHECK_RESULT_COMMAND_BYTES];
    check_result_command(m->options, &m->registry->cell[cell], info, command, sizeof command);
    fputs("    <testcase", to);
    attribute(to, "classname", m->registry->cell[cell].name);
    attribute(to, "name", info->name);
    fprintf(to, " time=\"%.3f\">", v->seconds);
    if (check_result_is_finding(v)) {
        const bool failed = v->end == CHECK_FAIL;
        fputs("<failure", to);
        attribute(to, "type", failed ? info->kind : "fixed");
        attribute(to, "message", failed ? v->seen : "a known failure passes");
        fputs(">promise:  ", to);
        xml(to, info->summary);
        fputs("\nclause:   ", to);
        xml(to, info->clause);
        fputs("\nexpected: ", to);
        xml(to, failed ? v->expected : check_table_reason(v));
        fputs("\nseen:     ", to);
        xml(to, failed ? v->seen : "the promise kept");
        if (v->stacks) {
            fputs("\nstacks:\n", to);
            xml(to, v->stacks);
        }
        fputs("\nrepeat:   ", to);
        xml(to, command);
        fputs("\n</failure>", to);
    } else if (why_skipped(v)) {
        char message[800];
        snprintf(message, sizeof message, "%s: %s", why_skipped(v),
                 v->known ? check_table_reason(v) : v->seen);
        fputs("<skipped", to);
        attribute(to, "message", v->end == CHECK_NONE ? why_skipped(v) : message);
        fputs("/>", to);
    }
    fputs("</testcase>\n", to);
}

static void property(FILE *to, const char *name, const char *value) {
    fputs("      <property", to);
    attribute(to, "name", name);
    attribute(to, "value", value);
    fputs("/>\n", to);
}

void check_report_junit(const struct check_table *m, FILE *to) {
    char started[32], seed[32];
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%S", gmtime(&m->started));
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)m->options->seed);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"spanbench check\">\n",
          to);
    for (size_t i = 0; i < m->registry->cells; i++) {
        const struct cell *c = &m->registry->cell[i];
        if (!m->chosen[i])
            continue;
        const struct tally t    = check_table_tally(m, i);
        const size_t open_known = t.known + t.extension_no + t.quality_no;
        fputs("  <testsuite", to);
        attribute(to, "name", c->name);
        fprintf(to, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\"",
                m->list->checks, t.fail + t.fixed, open_known + t.unsupported + t.not_run,
                t.seconds);
        attribute(to, "timestamp", started);
        fputs(">\n    <properties>\n", to);
        property(to, "version", cell_fact(c, "version"));
        property(to, "object", cell_fact(c, "object"));
        property(to, "profile", options_profiles[m->options->profile]);
        property(to, "seed", seed);
        fputs("    </properties>\n", to);
        for (size_t k = 0; k < m->list->checks; k++)
            junit_case(m, i, k, to);
        fputs("  </testsuite>\n", to);
    }
    fputs("</testsuites>\n", to);
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
