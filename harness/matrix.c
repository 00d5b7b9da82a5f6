#include "matrix.h"

#include <string.h>

struct verdict *matrix_at(const struct matrix *m, size_t cell, size_t check) {
    return &m->verdict[cell * m->list->checks + check];
}

static const char *reason(const struct verdict *v) {
    const char *text = json_string_value(json_object_get(v->known, "why"));
    return text ? text : "known";
}

void matrix_print_failure(const struct matrix *m, size_t cell, size_t check, const char *indent,
                          FILE *to) {
    const struct check_info *info = &m->list->check[check];
    const struct cell *c          = &m->registry->cell[cell];
    const struct verdict *v       = matrix_at(m, cell, check);
    char command[3 * PATH_MAX];
    verdict_command(m->options, c, info, command, sizeof command);
    fprintf(to, "%spromise:  %s (%s)\n", indent, info->summary, info->clause);
    if (v->end == VERDICT_FAIL)
        fprintf(to, "%sexpected: %s\n%sseen:     %s\n", indent, v->expected, indent, v->seen);
    for (const char *line = v->stacks; line && *line; line += *line == '\n') {
        const size_t length = strcspn(line, "\n");
        fprintf(to, "%s%s%.*s\n", indent, line == v->stacks ? "stacks:   " : "          ",
                (int)length, line);
        line += length;
    }
    if (v->known)
        fprintf(to, "%sknown:    %s\n", indent, reason(v));
    fprintf(to, "%srepeat:   %s\n", indent, command);
}

static void print_rows(const struct matrix *m, const int *width, int name_width, FILE *to) {
    const char *noun = "";
    for (size_t k = 0; k < m->list->checks; k++) {
        const struct check_info *info = &m->list->check[k];
        const size_t length           = strcspn(info->name, ".");
        if (strncmp(noun, info->name, length + 1) != 0 && k)
            fputc('\n', to);
        noun = info->name;
        fprintf(to, "%-*s %c", name_width, info->name, *info->kind);
        for (size_t i = 0; i < m->registry->cells; i++)
            if (m->chosen[i])
                fprintf(to, "  %-*s", width[i], verdict_word(matrix_at(m, i, k)));
        fputc('\n', to);
    }
}

static void print_findings(const struct matrix *m, FILE *to) {
    for (size_t i = 0; i < m->registry->cells; i++)
        for (size_t k = 0; m->chosen[i] && k < m->list->checks; k++)
            if (verdict_is_finding(matrix_at(m, i, k))) {
                fprintf(to, "\n%s: %s %s\n",
                        matrix_at(m, i, k)->end == VERDICT_FAIL ? "FAIL" : "fixed",
                        m->registry->cell[i].name, m->list->check[k].name);
                matrix_print_failure(m, i, k, "  ", to);
            }
}

void matrix_print(const struct matrix *m, FILE *to) {
    enum { MOST_CELLS = 512, WORD = 8 };
    static int width[MOST_CELLS];
    int name_width = 0;
    for (size_t k = 0; k < m->list->checks; k++)
        if ((int)strlen(m->list->check[k].name) > name_width)
            name_width = (int)strlen(m->list->check[k].name);
    fprintf(to, "%-*s  ", name_width, "");
    for (size_t i = 0; i < m->registry->cells && i < MOST_CELLS; i++) {
        const int length = (int)strlen(m->registry->cell[i].name);
        width[i]         = length > WORD ? length : WORD;
        if (m->chosen[i])
            fprintf(to, "  %-*s", width[i], m->registry->cell[i].name);
    }
    fputc('\n', to);
    print_rows(m, width, name_width, to);
    fputs("\nr required, i implementation-defined: the choice, e extension, q quality; FAIL: a "
          "failure that counts,\nknown: one that is explained, fixed: a known one that passes, no: "
          "one that does not count,\n-: not supported, or nothing to see\n",
          to);
    print_findings(m, to);
}

void matrix_print_tap(const struct matrix *m, size_t cell, size_t check, size_t nth, FILE *to) {
    const struct verdict *v = matrix_at(m, cell, check);
    const bool todo         = v->end == VERDICT_FAIL && v->known;
    fprintf(to, "%sok %zu - %s %s", verdict_is_finding(v) || todo ? "not " : "", nth,
            m->registry->cell[cell].name, m->list->check[check].name);
    if (v->end == VERDICT_UNSUPPORTED)
        fprintf(to, " # SKIP %s", v->seen);
    else if (todo)
        fprintf(to, " # TODO %s", reason(v));
    fputc('\n', to);
    if (v->end == VERDICT_RECORDED)
        fprintf(to, "# choice: %s\n", v->choice);
    if (v->end == VERDICT_FAIL || verdict_is_finding(v))
        matrix_print_failure(m, cell, check, "# ", to);
    fflush(to);
}

static void xml(FILE *to, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '"': fputs("&quot;", to); break;
        default: fputc(*text, to);
        }
}

static void junit_case(const struct matrix *m, size_t cell, size_t check, FILE *to) {
    const struct verdict *v       = matrix_at(m, cell, check);
    const struct check_info *info = &m->list->check[check];
    fputs("    <testcase classname=\"", to);
    xml(to, m->registry->cell[cell].name);
    fprintf(to, "\" name=\"%s\" time=\"%.3f\">", info->name, v->seconds);
    if (verdict_is_finding(v)) {
        fputs("<failure message=\"", to);
        xml(to, v->end == VERDICT_FAIL ? v->seen : "a known failure passes");
        fputs("\">", to);
        xml(to, info->clause);
        fputs("</failure>", to);
    } else if (v->end == VERDICT_UNSUPPORTED || v->end == VERDICT_FAIL || v->end == VERDICT_NONE) {
        fputs("<skipped message=\"", to);
        xml(to, v->end == VERDICT_NONE ? "not run" : v->known ? reason(v) : v->seen);
        fputs("\"/>", to);
    }
    fputs("</testcase>\n", to);
}

void matrix_write_junit(const struct matrix *m, FILE *to) {
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", to);
    for (size_t i = 0; i < m->registry->cells; i++) {
        size_t findings = 0;
        if (!m->chosen[i])
            continue;
        for (size_t k = 0; k < m->list->checks; k++)
            findings += verdict_is_finding(matrix_at(m, i, k));
        fputs("  <testsuite name=\"", to);
        xml(to, m->registry->cell[i].name);
        fprintf(to, "\" tests=\"%zu\" failures=\"%zu\">\n", m->list->checks, findings);
        for (size_t k = 0; k < m->list->checks; k++)
            junit_case(m, i, k, to);
        fputs("  </testsuite>\n", to);
    }
    fputs("</testsuites>\n", to);
}

static json_t *or_null(const char *text) {
    return *text ? json_string(text) : json_null();
}

static json_t *result_json(const struct matrix *m, size_t cell, size_t check) {
    const struct verdict *v         = matrix_at(m, cell, check);
    const struct cell *c            = &m->registry->cell[cell];
    static const char *const ends[] = {"not run", "pass", "recorded", "not supported", "fail"};
    char command[3 * PATH_MAX];
    verdict_command(m->options, c, &m->list->check[check], command, sizeof command);
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:f, s:s}", "allocator",
                     c->name, "check", m->list->check[check].name, "verdict", ends[v->end],
                     "counts", (int)v->counts, "finding", (int)verdict_is_finding(v), "known",
                     v->known ? json_string(reason(v)) : json_null(), "choice", or_null(v->choice),
                     "expected", or_null(v->expected), "seen", or_null(v->seen), "stacks",
                     or_null(v->stacks ? v->stacks : ""), "seconds", v->seconds, "repeat", command);
}

json_t *matrix_json(const struct matrix *m) {
    json_t *cells = json_array(), *checks = json_array(), *results = json_array();
    for (size_t k = 0; k < m->list->checks; k++) {
        const struct check_info *info = &m->list->check[k];
        json_array_append_new(checks, json_pack("{s:s, s:s, s:s, s:s}", "name", info->name, "class",
                                                info->kind, "clause", info->clause, "summary",
                                                info->summary));
    }
    for (size_t i = 0; i < m->registry->cells; i++) {
        const struct cell *c = &m->registry->cell[i];
        if (!m->chosen[i])
            continue;
        json_array_append_new(cells, json_pack("{s:s, s:o, s:o}", "name", c->name, "version",
                                               or_null(cell_fact(c, "version")), "object",
                                               or_null(cell_fact(c, "object"))));
        for (size_t k = 0; k < m->list->checks; k++)
            json_array_append_new(results, result_json(m, i, k));
    }
    return json_pack("{s:i, s:s, s:I, s:o, s:o, s:o}", "schema", 1, "profile",
                     options_profiles[m->options->profile], "seed", (json_int_t)m->options->seed,
                     "allocators", cells, "checks", checks, "results", results);
}
