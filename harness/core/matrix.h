/* A table for a terminal: names down, names across, and a word at each place.
 *
 * Columns that do not fit beside each other go into further bands, one below the other. Names of
 * columns stand in one line if all columns fit, and else as stairs. A blank line parts the rows
 * where the noun before the dot of their names changes. No line ends with a blank. */
#ifndef SPANBENCH_MATRIX_H
#define SPANBENCH_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
    MATRIX_PARTS      = 8,
    MATRIX_TEXT_BYTES = 32,
    MATRIX_LONG_NAME  = 20, /* characters, of up to four bytes each */
    MATRIX_NAME_BYTES = 4 * MATRIX_LONG_NAME + 1
};

enum matrix_style {
    MATRIX_PLAIN,
    MATRIX_ALARM,   /* bold red */
    MATRIX_FAILURE, /* dim red */
    MATRIX_WARNING, /* yellow */
    MATRIX_NEWS,    /* cyan */
    MATRIX_FAINT,
};

/* Writes the word of a place, perhaps none, and returns its style. `part` is 0 where columns have
 * no parts. A word in the first part reaches over the other parts if these are empty. */
typedef enum matrix_style matrix_place(const void *arg, size_t row, size_t column, size_t part,
                                       char text[MATRIX_TEXT_BYTES]);

struct matrix {
    const void *row; /* an array of things that begin with their names, arrays of characters */
    size_t row_bytes, rows;
    char (*note)(const void *arg, size_t row); /* a letter behind the name; NULL: none */
    const void *column;                        /* likewise */
    size_t column_bytes, columns;
    const bool *chosen;             /* a flag for each column: it is shown; NULL: all are */
    const char *part[MATRIX_PARTS]; /* names of what each column consists of, below its own */
    size_t parts; /* 0: columns have no parts, and their names may stand as stairs */
    matrix_place *place;
    const void *arg; /* of `note` and `place` */
};

/* Prints the bands, or nothing without columns. Colours on a terminal only, and not where
 * NO_COLOR is set. The width is the terminal's, else that of COLUMNS, else 100. */
void matrix_print(const struct matrix *, FILE *);

/* A name in at most MATRIX_LONG_NAME characters: a longer one is cut in the middle, because
 * libraries differ at their ends. Returns `text`. */
const char *matrix_short_name(const char *name, char text[MATRIX_NAME_BYTES]);

#endif
