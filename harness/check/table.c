#include "table.h"

#include "matrix.h"

#include <string.h>

struct check_result *check_table_at(const struct check_table *m, size_t cell, size_t check) {
    return &m->verdict[cell * m->list->checks + check];
}

const char *check_table_reason(const struct check_result *v) {
    const char *text = json_string_value(json_object_get(v->known, "why"));
    return text ? text : v->known ? "known" : "";
}

static void count(struct tally *t, const struct check_info *check, const struct check_result *v) {
    const bool good = v->end == CHECK_PASS || v->end == CHECK_RECORDED;
    t->seconds += v->seconds;
    t->not_run += v->end == CHECK_NONE;
    t->unsupported += v->end == CHECK_UNSUPPORTED;
    t->choices += v->end == CHECK_RECORDED;
    t->fixed += good && v->known;
    if (v->end != CHECK_PASS && v->end != CHECK_FAIL)
        return;
    if (v->counts) {
        t->pass += good && !v->known;
        t->known += !good && v->known;
        t->fail += !good && !v->known;
    } else if (*check->kind == 'e') {
        t->extension_yes += good;
        t->extension_no += !good;
    } else {
        t->quality_yes += good;
        t->quality_no += !good;
    }
}

struct tally check_table_tally(const struct check_table *m, size_t cell) {
    struct tally t = {0};
    for (size_t k = 0; k < m->list->checks; k++)
        count(&t, &m->list->check[k], check_table_at(m, cell, k));
    return t;
}

void check_table_print_failure(const struct check_table *m, size_t cell, size_t check,
                               const char *indent, FILE *to) {
    const struct check_info *info = &m->list->check[check];
    const struct cell *c          = &m->registry->cell[cell];
    const struct check_result *v  = check_table_at(m, cell, check);
    char command[CHECK_RESULT_COMMAND_BYTES];
    check_result_command(m->options, c, info, command, sizeof command);
    fprintf(to, "%spromise:  %s\n%sclause:   %s (%s)\n", indent, info->summary, indent,
            info->clause, info->kind);
    if (v->end == CHECK_FAIL)
        fprintf(to, "%sexpected: %s\n%sseen:     %s\n", indent, v->expected, indent, v->seen);
    for (const char *line = v->stacks; line && *line; line += *line == '\n') {
        const size_t length = strcspn(line, "\n");
        fprintf(to, "%s%s%.*s\n", indent, line == v->stacks ? "stacks:   " : "          ",
                (int)length, line);
        line += length;
    }
    if (v->known)
        fprintf(to, "%sknown:    %s\n", indent, check_table_reason(v));
    fprintf(to, "%srepeat:   %s\n", indent, command);
}

/* --- the terminal --- */

static char class_letter(const void *table, size_t check) {
    const struct check_table *m = table;
    return *m->list->check[check].kind;
}

static enum matrix_style place(const void *table, size_t check, size_t cell, size_t part,
                               char text[MATRIX_TEXT_BYTES]) {
    const struct check_result *v = check_table_at(table, cell, check);
    (void)part;
    snprintf(text, MATRIX_TEXT_BYTES, "%s", check_result_word(v));
    if (check_result_is_finding(v))
        return v->end == CHECK_FAIL ? MATRIX_ALARM : MATRIX_NEWS;
    if (v->end == CHECK_FAIL)
        return v->known ? MATRIX_WARNING : MATRIX_FAILURE;
    return v->end == CHECK_UNSUPPORTED ? MATRIX_FAINT : MATRIX_PLAIN;
}

static void print_findings(const struct check_table *m, FILE *to) {
    for (size_t i = 0; i < m->registry->cells; i++)
        for (size_t k = 0; m->chosen[i] && k < m->list->checks; k++)
            if (check_result_is_finding(check_table_at(m, i, k))) {
                fprintf(to, "\n%s: %s %s\n",
                        check_table_at(m, i, k)->end == CHECK_FAIL ? "FAIL" : "fixed",
                        m->registry->cell[i].name, m->list->check[k].name);
                check_table_print_failure(m, i, k, "  ", to);
            }
}

static void print_part(size_t yes, size_t no, FILE *to) {
    char text[48] = "-";
    if (yes + no)
        snprintf(text, sizeof text, "%zu of %zu", yes, yes + no);
    fprintf(to, "  %-10s", text);
}

static void print_tallies(const struct check_table *m, FILE *to) {
    fprintf(to, "\n%-*s  pass  known  FAIL  fixed  choices  extensions  quality     -\n",
            MATRIX_LONG_NAME, "");
    for (size_t i = 0; i < m->registry->cells; i++) {
        if (!m->chosen[i])
            continue;
        char name[MATRIX_NAME_BYTES];
        const struct tally t = check_table_tally(m, i);
        fprintf(to, "%-*s  %-4zu  %-5zu  %-4zu  %-5zu  %-7zu", MATRIX_LONG_NAME,
                matrix_short_name(m->registry->cell[i].name, name), t.pass, t.known, t.fail,
                t.fixed, t.choices);
        print_part(t.extension_yes, t.extension_no, to);
        print_part(t.quality_yes, t.quality_no, to);
        fprintf(to, "  %zu", t.unsupported);
        if (t.not_run)
            fprintf(to, "  (%zu not run)", t.not_run);
        fputc('\n', to);
    }
}

void check_table_print(const struct check_table *m, FILE *to) {
    matrix_print(&(struct matrix){.row          = m->list->check,
                                  .row_bytes    = sizeof *m->list->check,
                                  .rows         = m->list->checks,
                                  .note         = class_letter,
                                  .column       = m->registry->cell,
                                  .column_bytes = sizeof *m->registry->cell,
                                  .columns      = m->registry->cells,
                                  .chosen       = m->chosen,
                                  .place        = place,
                                  .arg          = m},
                 to);
    fputs("\nr required, i implementation-defined (the choice), e extension, q quality\n"
          "FAIL a failure that counts   known one that is explained   no one that does not count\n"
          "fixed a known failure that passes   - the allocator has no such function, or nothing to "
          "see\n",
          to);
    print_findings(m, to);
    print_tallies(m, to);
}
