#include "table.h"

#include "matrix.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

bool check_table_open(struct check_table *t) {
    t->result = calloc(t->registry->cells * t->list->checks, sizeof *t->result);
    return t->result != NULL;
}

void check_table_close(struct check_table *t) {
    for (size_t i = 0; t->result && i < t->registry->cells * t->list->checks; i++)
        free(t->result[i].stacks);
    free(t->result);
    t->result = NULL;
}

size_t check_table_runs(const struct check_table *t) {
    size_t all = 0;
    for (size_t i = 0; i < t->registry->cells; i++)
        all += t->chosen[i] ? t->list->checks : 0;
    return all;
}

struct check_result *check_table_at(const struct check_table *t, size_t cell, size_t check) {
    return &t->result[cell * t->list->checks + check];
}

const char *check_table_reason(const struct check_result *r) {
    const char *text = json_string_value(json_object_get(r->known, "why"));
    return text ? text : r->known ? "known" : "";
}

static void count(struct tally *sum, const struct check_info *check, const struct check_result *r) {
    const bool good = r->end == CHECK_RESULT_PASS || r->end == CHECK_RESULT_RECORDED;
    sum->seconds += r->seconds;
    sum->not_run += r->end == CHECK_RESULT_NONE;
    sum->unsupported += r->end == CHECK_RESULT_UNSUPPORTED;
    sum->choices += r->end == CHECK_RESULT_RECORDED;
    sum->fixed += good && r->known;
    if (r->end != CHECK_RESULT_PASS && r->end != CHECK_RESULT_FAIL)
        return;
    if (r->counts) {
        sum->pass += good && !r->known;
        sum->known += !good && r->known;
        sum->fail += !good && !r->known;
    } else if (*check->kind == 'e') {
        sum->extension_yes += good;
        sum->extension_no += !good;
    } else {
        sum->quality_yes += good;
        sum->quality_no += !good;
    }
}

struct tally check_table_tally(const struct check_table *t, size_t cell) {
    struct tally sum = {0};
    for (size_t k = 0; k < t->list->checks; k++)
        count(&sum, &t->list->check[k], check_table_at(t, cell, k));
    return sum;
}

void check_table_print_failure(const struct check_table *t, size_t cell, size_t check,
                               const char *indent, FILE *to) {
    const struct check_info *info = &t->list->check[check];
    const struct cell *c          = &t->registry->cell[cell];
    const struct check_result *r  = check_table_at(t, cell, check);
    char command[CHECK_RESULT_COMMAND_BYTES], front[16];
    check_result_command(t->options, c, info, command, sizeof command);
    fprintf(to, "%spromise:  %s\n%sclause:   %s (%s)\n", indent, info->summary, indent,
            info->clause, info->kind);
    if (r->end == CHECK_RESULT_FAIL)
        fprintf(to, "%sexpected: %s\n%sseen:     %s\n", indent, r->expected, indent, r->seen);
    if (r->stacks) {
        fprintf(to, "%sstacks:\n", indent);
        snprintf(front, sizeof front, "%s  | ", indent);
        text_print_lines(front, r->stacks, to);
    }
    if (r->known)
        fprintf(to, "%sknown:    %s\n", indent, check_table_reason(r));
    fprintf(to, "%srepeat:   %s\n", indent, command);
}

/* --- the terminal --- */

static char class_letter(const void *table, size_t check) {
    const struct check_table *t = table;
    return *t->list->check[check].kind;
}

static enum matrix_style place(const void *table, size_t check, size_t cell, size_t part,
                               char text[MATRIX_TEXT_BYTES]) {
    const struct check_result *r = check_table_at(table, cell, check);
    (void)part;
    snprintf(text, MATRIX_TEXT_BYTES, "%s", check_result_word(r));
    if (check_result_is_finding(r))
        return r->end == CHECK_RESULT_FAIL ? MATRIX_ALARM : MATRIX_NEWS;
    if (r->end == CHECK_RESULT_FAIL)
        return r->known ? MATRIX_WARNING : MATRIX_FAILURE;
    return r->end == CHECK_RESULT_UNSUPPORTED ? MATRIX_FAINT : MATRIX_PLAIN;
}

static void print_findings(const struct check_table *t, FILE *to) {
    for (size_t i = 0; i < t->registry->cells; i++)
        for (size_t k = 0; t->chosen[i] && k < t->list->checks; k++)
            if (check_result_is_finding(check_table_at(t, i, k))) {
                fprintf(to, "\n%s: %s %s\n",
                        check_table_at(t, i, k)->end == CHECK_RESULT_FAIL ? "FAIL" : "fixed",
                        t->registry->cell[i].name, t->list->check[k].name);
                check_table_print_failure(t, i, k, "  ", to);
            }
}

static void print_part(size_t yes, size_t no, FILE *to) {
    char text[48] = "-";
    if (yes + no)
        snprintf(text, sizeof text, "%zu of %zu", yes, yes + no);
    fprintf(to, "  %-10s", text);
}

static void print_tallies(const struct check_table *t, FILE *to) {
    fprintf(to, "\n%-*s  pass  known  FAIL  fixed  choices  extensions  quality     -\n",
            MATRIX_LONG_NAME, "");
    for (size_t i = 0; i < t->registry->cells; i++) {
        if (!t->chosen[i])
            continue;
        char name[MATRIX_NAME_BYTES];
        const struct tally sum = check_table_tally(t, i);
        fprintf(to, "%-*s  %-4zu  %-5zu  %-4zu  %-5zu  %-7zu", MATRIX_LONG_NAME,
                matrix_short_name(t->registry->cell[i].name, name), sum.pass, sum.known, sum.fail,
                sum.fixed, sum.choices);
        print_part(sum.extension_yes, sum.extension_no, to);
        print_part(sum.quality_yes, sum.quality_no, to);
        fprintf(to, "  %zu", sum.unsupported);
        if (sum.not_run)
            fprintf(to, "  (%zu not run)", sum.not_run);
        fputc('\n', to);
    }
}

void check_table_print(const struct check_table *t, FILE *to) {
    matrix_print(&(struct matrix){.row          = t->list->check,
                                  .row_bytes    = sizeof *t->list->check,
                                  .rows         = t->list->checks,
                                  .note         = class_letter,
                                  .column       = t->registry->cell,
                                  .column_bytes = sizeof *t->registry->cell,
                                  .columns      = t->registry->cells,
                                  .chosen       = t->chosen,
                                  .place        = place,
                                  .arg          = t},
                 to);
    fputs("\nr required, i implementation-defined (the choice), e extension, q quality\n"
          "FAIL a failure that counts   known one that is explained   no one that does not count\n"
          "fixed a known failure that passes   - the allocator has no such function, or nothing to "
          "see\n",
          to);
    print_findings(t, to);
    print_tallies(t, to);
}
