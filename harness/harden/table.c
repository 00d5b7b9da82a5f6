#include "table.h"

#include "matrix.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool harden_table_open(struct harden_table *t) {
    for (unsigned s = 0; s < OPTIONS_SIZES; s++)
        t->size[s] = options_match(&t->options->sizes, options_sizes[s]);
    t->result = calloc(t->registry->cells * t->list->misuses * OPTIONS_SIZES * t->options->runs,
                       sizeof *t->result);
    const size_t places = t->registry->cells * t->list->misuses * OPTIONS_SIZES;
    for (size_t i = 0; t->result && i < places * t->options->runs; i++)
        t->result[i].seed = t->options->seed + i % t->options->runs;
    return t->result != NULL;
}

void harden_table_close(struct harden_table *t) {
    free(t->result);
    t->result = NULL;
}

bool harden_table_has(const struct harden_table *t, size_t cell, size_t misuse, unsigned size) {
    if (!t->chosen[cell])
        return false;
    return t->list->misuse[misuse].sizeless ? size == 0 : t->size[size];
}

size_t harden_table_runs(const struct harden_table *t) {
    size_t all = 0;
    for (size_t i = 0; i < t->registry->cells; i++)
        for (size_t m = 0; m < t->list->misuses; m++)
            for (unsigned s = 0; s < OPTIONS_SIZES; s++)
                all += harden_table_has(t, i, m, s) ? t->options->runs : 0;
    return all;
}

struct harden_result *harden_table_at(const struct harden_table *t, size_t cell, size_t misuse,
                                      unsigned size) {
    return &t->result[((cell * t->list->misuses + misuse) * OPTIONS_SIZES + size) *
                      t->options->runs];
}

void harden_table_count(const struct harden_table *t, const struct harden_result *runs,
                        unsigned of[HARDEN_RESULT_ENDS]) {
    for (unsigned i = 0; i < t->options->runs; i++)
        of[runs[i].end]++;
}

/* A place in letters: "C" if all runs ended so, "C4X1" if not, the most frequent first. */
static void letters(const struct harden_table *t, const struct harden_result *runs, char *text) {
    unsigned of[HARDEN_RESULT_ENDS] = {0};
    harden_table_count(t, runs, of);
    size_t length = 0;
    *text         = '\0';
    for (unsigned most = t->options->runs; most > 0; most--)
        for (unsigned k = 0; k < HARDEN_RESULT_ENDS; k++) {
            char number[16] = "";
            if (of[k] != most || length + sizeof number > MATRIX_TEXT_BYTES)
                continue;
            if (most != t->options->runs)
                snprintf(number, sizeof number, "%u", most);
            length += (size_t)snprintf(text + length, MATRIX_TEXT_BYTES - length, "%c%s",
                                       harden_result_letter[k], number);
        }
}

/* The number of the n-th size that takes part. */
static unsigned nth_size(const struct harden_table *t, size_t n) {
    unsigned s = 0;
    while (!t->size[s] || n-- > 0)
        s++;
    return s;
}

static enum matrix_style place(const void *table, size_t misuse, size_t cell, size_t part,
                               char text[MATRIX_TEXT_BYTES]) {
    const struct harden_table *t = table;
    const bool sizeless          = t->list->misuse[misuse].sizeless;
    if (!sizeless || part == 0)
        letters(t, harden_table_at(t, cell, misuse, sizeless ? 0 : nth_size(t, part)), text);
    return MATRIX_PLAIN;
}

static void print_matrix(const struct harden_table *t, FILE *to) {
    struct matrix matrix = {.row          = t->list->misuse,
                            .row_bytes    = sizeof *t->list->misuse,
                            .rows         = t->list->misuses,
                            .column       = t->registry->cell,
                            .column_bytes = sizeof *t->registry->cell,
                            .columns      = t->registry->cells,
                            .chosen       = t->chosen,
                            .place        = place,
                            .arg          = t};
    for (unsigned s = 0; s < OPTIONS_SIZES; s++)
        if (t->size[s])
            matrix.part[matrix.parts++] = options_sizes[s];
    matrix_print(&matrix, to);
}

/* How the runs of each allocator ended. These sums are not a score: misuses are not alike. */
static void print_sums(const struct harden_table *t, int name_width, FILE *to) {
    static const enum harden_result_end shown[] = {
        HARDEN_RESULT_ACCESS,   HARDEN_RESULT_CALL, HARDEN_RESULT_LATER,
        HARDEN_RESULT_CRASH,    HARDEN_RESULT_HANG, HARDEN_RESULT_CORRUPT,
        HARDEN_RESULT_SURVIVED, HARDEN_RESULT_VOID, HARDEN_RESULT_UNSUPPORTED};
    fprintf(to, "\n%-*s  how many runs ended in which way:\n%-*s", name_width, "", name_width, "");
    for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
        fprintf(to, "  %s", harden_result_word[shown[k]]);
    fputc('\n', to);
    for (size_t i = 0; i < t->registry->cells; i++) {
        unsigned of[HARDEN_RESULT_ENDS] = {0};
        if (!t->chosen[i])
            continue;
        for (size_t m = 0; m < t->list->misuses; m++)
            for (unsigned s = 0; s < OPTIONS_SIZES; s++)
                if (harden_table_has(t, i, m, s))
                    harden_table_count(t, harden_table_at(t, i, m, s), of);
        fprintf(to, "%-*s", name_width, t->registry->cell[i].name);
        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
            fprintf(to, "  %*u", (int)strlen(harden_result_word[shown[k]]), of[shown[k]]);
        fputc('\n', to);
    }
}

/* Names the allocators whose runs are void, and says why. */
static void print_void(const struct harden_table *t, FILE *to) {
    for (size_t i = 0; i < t->registry->cells; i++) {
        const struct harden_result *first = NULL;
        for (size_t m = 0; m < t->list->misuses && !first; m++)
            for (unsigned s = 0; s < OPTIONS_SIZES; s++)
                for (unsigned r = 0; harden_table_has(t, i, m, s) && r < t->options->runs && !first;
                     r++)
                    if (harden_table_at(t, i, m, s)[r].end == HARDEN_RESULT_VOID)
                        first = &harden_table_at(t, i, m, s)[r];
        if (first)
            fprintf(to, "\n%s: some runs are void; the first: %s\n", t->registry->cell[i].name,
                    first->seen);
    }
}

void harden_table_print(const struct harden_table *t, FILE *to) {
    int name_width = 0;
    for (size_t m = 0; m < t->list->misuses; m++)
        if ((int)strlen(t->list->misuse[m].name) > name_width)
            name_width = (int)strlen(t->list->misuse[m].name);
    for (size_t i = 0; i < t->registry->cells; i++)
        if (t->chosen[i] && (int)strlen(t->registry->cell[i].name) > name_width)
            name_width = (int)strlen(t->registry->cell[i].name);
    print_matrix(t, to);
    print_sums(t, name_width, to);
    print_void(t, to);
    fprintf(to,
            "\n%u run%s at each place, with seeds from %" PRIu64
            " on. C: all of them ended so; C4X1: four and one.\n"
            "caught      A at the access, by a fault   C in the misusing call or the first free\n"
            "            of the block   L in a later call\n"
            "not caught  ! a fault without a message   H a hang   X went on, with proven damage\n"
            "            s went on, and no damage was found\n"
            "no answer   - not supported   ? void: fails without the misuse, too   _ not run\n"
            "Each block is as large as usable_size says: only hidden slack lies behind it.\n",
            t->options->runs, text_plural(t->options->runs), t->options->seed);
}
