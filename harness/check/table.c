#include "table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    WIDTH      = 100, /* where there is no terminal that says */
    NARROWEST  = 40,
    GAP        = 2,
    LONG_NAME  = 20, /* longer ones are cut in the middle: libraries differ at their ends */
    MOST_CELLS = 512
};

/* One band of columns: the cells from `first` to before `end`. */
struct band {
    size_t first, end;
    bool stairs; /* names stand above each other, for they are wider than what is below them */
};

static int width_of[MOST_CELLS];

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

static int greater(int a, int b) {
    return a > b ? a : b;
}

static bool colours(FILE *to) {
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR"); /* https://no-color.org */
    return isatty(fileno(to)) && term && strcmp(term, "dumb") != 0 && !(no && *no);
}

static int terminal_width(FILE *to) {
    struct winsize w;
    const char *columns = getenv("COLUMNS");
    int width           = columns ? (int)strtol(columns, NULL, 10) : 0;
    if (ioctl(fileno(to), TIOCGWINSZ, &w) == 0 && w.ws_col)
        width = w.ws_col;
    return width <= 0 ? WIDTH : width < NARROWEST ? NARROWEST : width;
}

/* An allocator's name in at most LONG_NAME columns. */
static const char *short_name(const struct check_table *m, size_t cell) {
    static char text[80];
    enum { HEAD = 11, TAIL = LONG_NAME - HEAD - 1 };
    const char *name    = m->registry->cell[cell].name;
    const size_t length = strlen(name);
    if (length <= LONG_NAME)
        return name;
    snprintf(text, sizeof text, "%.*s~%s", HEAD, name, name + length - TAIL);
    return text;
}

/* Behind `gap` blanks. Returns how many are left to the end of its column. */
static int print_word(const struct check_result *v, int gap, int width, bool coloured, FILE *to) {
    const char *word  = check_result_word(v);
    const char *start = "";
    if (check_result_is_finding(v))
        start = v->end == CHECK_FAIL ? "\033[1;31m" : "\033[36m";
    else if (v->end == CHECK_FAIL)
        start = v->known ? "\033[33m" : "\033[2;31m";
    else if (v->end == CHECK_UNSUPPORTED)
        start = "\033[2m";
    const bool dressed = coloured && *start;
    if (*word)
        fprintf(to, "%*s%s%s%s", gap, "", dressed ? start : "", word, dressed ? "\033[0m" : "");
    return *word ? width - (int)strlen(word) : gap + width;
}

/* The next band that fits into the width; at least one column. */
static struct band next_band(const struct check_table *m, size_t first, int name_width, int width) {
    struct band b = {first, first, false};
    for (unsigned pass = 0; pass < 2; pass++) { /* with names in one line, and else as stairs */
        int at   = name_width + 2;              /* and the class */
        bool any = false;
        for (b.end = first; b.end < m->registry->cells; b.end++) {
            if (!m->chosen[b.end])
                continue;
            const int name = (int)strlen(short_name(m, b.end)), column = width_of[b.end];
            if (any && at + GAP + greater(name, column) > width)
                break;
            at += GAP + (b.stairs ? column : greater(name, column));
            any = true;
        }
        if (b.end == m->registry->cells || b.stairs)
            break;
        b.stairs = true;
    }
    for (size_t i = first; i < b.end && !b.stairs; i++) {
        width_of[i] = greater(width_of[i], (int)strlen(short_name(m, i)));
    }
    return b;
}

static void print_names(const struct check_table *m, const struct band *b, int name_width,
                        FILE *to) {
    int gap = name_width + 2;
    for (size_t i = b->first; i < b->end; i++) {
        if (!m->chosen[i])
            continue;
        if (!b->stairs) {
            fprintf(to, "%*s%s", gap + GAP, "", short_name(m, i));
            gap = width_of[i] - (int)strlen(short_name(m, i));
            continue;
        }
        fprintf(to, "%*s", name_width + 2, "");
        for (size_t before = b->first; before < i; before++)
            if (m->chosen[before])
                fprintf(to, "%*s%-*s", GAP, "", width_of[before], "|");
        fprintf(to, "%*s%s\n", GAP, "", short_name(m, i));
    }
    if (!b->stairs)
        fputc('\n', to);
}

static void print_rows(const struct check_table *m, const struct band *b, int name_width,
                       FILE *to) {
    const bool coloured = colours(to);
    const char *noun    = "";
    for (size_t k = 0; k < m->list->checks; k++) {
        const struct check_info *info = &m->list->check[k];
        const size_t length           = strcspn(info->name, ".");
        if (strncmp(noun, info->name, length + 1) != 0 && k)
            fputc('\n', to);
        noun = info->name;
        fprintf(to, "%-*s %c", name_width, info->name, *info->kind);
        int gap = 0; /* no blanks at the end of a line */
        for (size_t i = b->first; i < b->end; i++)
            if (m->chosen[i])
                gap = print_word(check_table_at(m, i, k), gap + GAP, width_of[i], coloured, to);
        fputc('\n', to);
    }
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
    fprintf(to, "\n%-*s  pass  known  FAIL  fixed  choices  extensions  quality     -\n", LONG_NAME,
            "");
    for (size_t i = 0; i < m->registry->cells; i++) {
        if (!m->chosen[i])
            continue;
        const struct tally t = check_table_tally(m, i);
        fprintf(to, "%-*s  %-4zu  %-5zu  %-4zu  %-5zu  %-7zu", LONG_NAME, short_name(m, i), t.pass,
                t.known, t.fail, t.fixed, t.choices);
        print_part(t.extension_yes, t.extension_no, to);
        print_part(t.quality_yes, t.quality_no, to);
        fprintf(to, "  %zu", t.unsupported);
        if (t.not_run)
            fprintf(to, "  (%zu not run)", t.not_run);
        fputc('\n', to);
    }
}

void check_table_print(const struct check_table *m, FILE *to) {
    int name_width = 0;
    for (size_t k = 0; k < m->list->checks; k++)
        name_width = greater(name_width, (int)strlen(m->list->check[k].name));
    for (size_t i = 0; i < m->registry->cells && i < MOST_CELLS; i++) {
        width_of[i] = (int)strlen("pass");
        for (size_t k = 0; m->chosen[i] && k < m->list->checks; k++)
            width_of[i] =
                greater(width_of[i], (int)strlen(check_result_word(check_table_at(m, i, k))));
    }
    const int width = terminal_width(to);
    unsigned bands  = 0;
    for (size_t at = 0; at < m->registry->cells && at < MOST_CELLS;) {
        while (at < m->registry->cells && !m->chosen[at])
            at++;
        if (at == m->registry->cells)
            break;
        const struct band b = next_band(m, at, name_width, width);
        if (bands++)
            fputc('\n', to);
        print_names(m, &b, name_width, to);
        print_rows(m, &b, name_width, to);
        at = b.end;
    }
    fputs("\nr required, i implementation-defined (the choice), e extension, q quality\n"
          "FAIL a failure that counts   known one that is explained   no one that does not count\n"
          "fixed a known failure that passes   - the allocator has no such function, or nothing to "
          "see\n",
          to);
    print_findings(m, to);
    print_tallies(m, to);
}
