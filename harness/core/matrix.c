#include "matrix.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    WIDTH     = 100, /* where neither a terminal nor COLUMNS says */
    NARROWEST = 40,
    GAP       = 2, /* before a column; one blank before each further part of it */
    SMALLEST  = 4, /* width of a column: that of "pass" */
    NOTE      = 2, /* width of a note with its blank */
};

/* What all lines need to know. Widths and positions count characters. */
struct layout {
    const struct matrix *m;
    FILE *to;
    bool coloured;
    int names;  /* width of the rows' names and notes */
    int *width; /* of column c at [c * (parts + 1)], then of its parts */
};

/* One band of columns: from `first` to before `end`. */
struct band {
    size_t first, end;
    bool stairs; /* names stand above each other, for they are wider than what is below them */
};

static int greater(int a, int b) {
    return a > b ? a : b;
}

/* Does the byte continue a character of UTF-8? */
static bool continues(char byte) {
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static int characters(const char *text) {
    int count = 0;
    for (; *text; text++)
        count += !continues(*text);
    return count;
}

/* Where so many characters end. */
static const char *skip(const char *text, int count) {
    for (; count > 0 && *text; count--)
        do
            text++;
        while (continues(*text));
    return text;
}

const char *matrix_short_name(const char *name, char text[MATRIX_NAME_BYTES]) {
    enum { HEAD = 11, TAIL = MATRIX_LONG_NAME - HEAD - 1 };
    const int length = characters(name);
    if (length <= MATRIX_LONG_NAME)
        snprintf(text, MATRIX_NAME_BYTES, "%s", name);
    else
        snprintf(text, MATRIX_NAME_BYTES, "%.*s~%s", (int)(skip(name, HEAD) - name), name,
                 skip(name, length - TAIL));
    return text;
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

static const char *row_name(const struct matrix *m, size_t row) {
    return (const char *)m->row + row * m->row_bytes;
}

static const char *column_name(const struct matrix *m, size_t column,
                               char text[MATRIX_NAME_BYTES]) {
    return matrix_short_name((const char *)m->column + column * m->column_bytes, text);
}

static bool is_shown(const struct matrix *m, size_t column) {
    return !m->chosen || m->chosen[column];
}

static size_t parts_of(const struct matrix *m) {
    return m->parts ? m->parts : 1;
}

/* The width of a column, and behind it those of its parts. */
static int *widths(const struct layout *l, size_t column) {
    return &l->width[column * (parts_of(l->m) + 1)];
}

/* Of a row that has a word in the first part alone; it reaches over the others. */
static bool reaches_over(const struct matrix *m, size_t row, size_t column) {
    char text[MATRIX_TEXT_BYTES] = "";
    for (size_t p = 1; p < m->parts && !*text; p++)
        m->place(m->arg, row, column, p, text);
    return m->parts > 1 && !*text;
}

static void measure_column(const struct layout *l, size_t column) {
    const struct matrix *m = l->m;
    int *width = widths(l, column), *part = width + 1, all = -1;
    *width = SMALLEST;
    for (size_t p = 0; p < parts_of(m); p++) {
        part[p] = m->parts ? characters(m->part[p]) : 0;
        for (size_t row = 0; row < m->rows; row++) {
            char text[MATRIX_TEXT_BYTES] = "";
            m->place(m->arg, row, column, p, text);
            int *of = reaches_over(m, row, column) ? width : &part[p];
            *of     = greater(*of, characters(text));
        }
        all += 1 + part[p];
    }
    *width = greater(*width, all);
}

static bool measure(struct layout *l) {
    const struct matrix *m = l->m;
    for (size_t row = 0; row < m->rows; row++)
        l->names = greater(l->names, characters(row_name(m, row)));
    l->names += m->note ? NOTE : 0;
    l->width = calloc((m->columns + 1) * (parts_of(m) + 1), sizeof *l->width);
    for (size_t c = 0; l->width && c < m->columns; c++)
        if (is_shown(m, c))
            measure_column(l, c);
    return l->width;
}

/* The next band that fits into the width; at least one column, which `first` is. */
static struct band next_band(const struct layout *l, size_t first, int width) {
    struct band b = {first, first, false};
    char text[MATRIX_NAME_BYTES];
    for (unsigned pass = 0; pass < 2; pass++) { /* with names in one line, and else as stairs */
        int at = l->names;
        for (b.end = first; b.end < l->m->columns; b.end++) {
            if (!is_shown(l->m, b.end))
                continue;
            const int column = *widths(l, b.end);
            const int both   = greater(characters(column_name(l->m, b.end, text)), column);
            if (b.end > first && at + GAP + both > width)
                break;
            at += GAP + (b.stairs ? column : both);
        }
        if (b.end == l->m->columns || b.stairs || l->m->parts)
            break;
        b.stairs = true;
    }
    for (size_t c = first; c < b.end && !b.stairs; c++)
        *widths(l, c) = greater(*widths(l, c), characters(column_name(l->m, c, text)));
    return b;
}

/* The next column that is shown, from this one on, or the number of columns. */
static size_t next_shown(const struct matrix *m, size_t column) {
    while (column < m->columns && !is_shown(m, column))
        column++;
    return column;
}

/* Prints a word at a position of the line, which is at `at`. Returns where the line is then. */
static int put(const struct layout *l, int at, int position, const char *text,
               enum matrix_style style) {
    static const char *const starts[] = {[MATRIX_PLAIN]   = "",
                                         [MATRIX_ALARM]   = "\033[1;31m",
                                         [MATRIX_FAILURE] = "\033[2;31m",
                                         [MATRIX_WARNING] = "\033[33m",
                                         [MATRIX_NEWS]    = "\033[36m",
                                         [MATRIX_FAINT]   = "\033[2m"};
    const char *start                 = l->coloured ? starts[style] : "";
    if (!*text)
        return at;
    fprintf(l->to, "%*s%s%s%s", greater(position - at, 0), "", start, text,
            *start ? "\033[0m" : "");
    return greater(position, at) + characters(text);
}

/* The names of columns in a line; in stairs of one column, behind the bars of those before it. */
static void print_step(const struct layout *l, size_t first, size_t end, bool bars) {
    int at = 0, position = l->names + GAP;
    for (size_t c = first; c < end; c = next_shown(l->m, c + 1)) {
        char text[MATRIX_NAME_BYTES];
        const bool last = next_shown(l->m, c + 1) >= end;
        at = put(l, at, position, bars && !last ? "|" : column_name(l->m, c, text), MATRIX_PLAIN);
        position += *widths(l, c) + GAP;
    }
    fputc('\n', l->to);
}

static void print_names(const struct layout *l, const struct band *b) {
    if (!b->stairs)
        print_step(l, b->first, b->end, false);
    for (size_t c = b->first; c < b->end && b->stairs; c = next_shown(l->m, c + 1))
        print_step(l, b->first, c + 1, true);
}

/* The names of the parts, or the places of a row, behind what is printed up to `at`. */
static void print_places(const struct layout *l, const struct band *b, int at, const size_t *row) {
    const struct matrix *m = l->m;
    int column             = l->names + GAP;
    for (size_t c = b->first; c < b->end; c = next_shown(m, c + 1)) {
        int part = column;
        for (size_t p = 0; p < parts_of(m); p++) {
            char text[MATRIX_TEXT_BYTES]  = "";
            const enum matrix_style style = row ? m->place(m->arg, *row, c, p, text) : MATRIX_PLAIN;
            at                            = put(l, at, part, row ? text : m->part[p], style);
            part += widths(l, c)[1 + p] + 1;
        }
        column += *widths(l, c) + GAP;
    }
    fputc('\n', l->to);
}

static void print_rows(const struct layout *l, const struct band *b) {
    const struct matrix *m = l->m;
    for (size_t row = 0; row < m->rows; row++) {
        const char *name = row_name(m, row);
        if (row && strncmp(name, row_name(m, row - 1), strcspn(name, ".") + 1) != 0)
            fputc('\n', l->to);
        int at = put(l, 0, 0, name, MATRIX_PLAIN);
        if (m->note)
            at = put(l, at, l->names - 1, (char[]){m->note(m->arg, row), '\0'}, MATRIX_PLAIN);
        print_places(l, b, at, &row);
    }
}

void matrix_print(const struct matrix *m, FILE *to) {
    struct layout l = {.m = m, .to = to, .coloured = colours(to)};
    const int width = terminal_width(to);
    bool below      = false; /* another band */
    if (!measure(&l))
        fputs("spanbench: out of memory: the table is not shown\n", stderr);
    for (size_t at = next_shown(m, 0); l.width && at < m->columns; below = true) {
        const struct band b = next_band(&l, at, width);
        if (below)
            fputc('\n', to);
        print_names(&l, &b);
        if (m->parts)
            print_places(&l, &b, 0, NULL);
        print_rows(&l, &b);
        at = next_shown(m, b.end);
    }
    free(l.width);
}
