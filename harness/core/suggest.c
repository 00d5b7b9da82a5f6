#include "suggest.h"

#include <string.h>

enum { MOST = 64 }; /* letters that are looked at */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* V. I. Levenshtein, 1966; one row of the table at a time. */
static size_t distance(const char *a, const char *b) {
    const size_t rows = least(strlen(a), MOST), columns = least(strlen(b), MOST);
    size_t row[MOST + 1];
    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t before = row[0]; /* the place up and to the left */
        row[0]        = i;
        for (size_t j = 1; j <= columns; j++) {
            const size_t up = row[j];
            row[j]          = least(least(up, row[j - 1]) + 1, before + (a[i - 1] != b[j - 1]));
            before          = up;
        }
    }
    return row[columns];
}

const char *suggest(const char *word, const void *items, size_t count, size_t stride) {
    const char *nearest = NULL;
    size_t best         = strlen(word) / 3 + 2; /* a third may be wrong, and a letter more */
    for (size_t i = 0; i < count; i++) {
        const char *name  = (const char *)items + i * stride;
        const size_t away = distance(word, name);
        if (away < best) {
            best    = away;
            nearest = name;
        }
    }
    return nearest;
}
