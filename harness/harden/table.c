#include "table.h"

#include "catalogue.h"
#include "context.h"
#include "json_member.h"
#include "matrix.h"
#include "selection.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool harden_table_names_exist(const struct harden_table *g) {
    return selection_globs_match(&g->options->misuses, "misuse", "--list-misuses", g->name,
                                 g->names, sizeof *g->name);
}

static bool add(struct harden_table *g, const json_t *listed) {
    struct misuse_info info = {.sizeless = json_is_true(json_object_get(listed, "sizeless"))};
    if (!member_copy(info.name, sizeof info.name, listed, "name") ||
        !member_copy(info.weakness, sizeof info.weakness, listed, "weakness") ||
        !member_copy(info.summary, sizeof info.summary, listed, "summary"))
        return false;
    void *names = catalogue_add(g->name, &g->names, sizeof *g->name, info.name);
    g->name     = names ? names : g->name;
    if (!names || !options_match(&g->options->misuses, info.name))
        return names;
    void *grown = catalogue_add(g->misuse, &g->misuses, sizeof *g->misuse, &info);
    g->misuse   = grown ? grown : g->misuse;
    return grown;
}

bool harden_table_add(struct harden_table *g, struct cell *cell) {
    json_t *document = cell_ask(cell, "--list-misuses", "misuses", g->options->timeout_seconds);
    const json_t *misuses = json_object_get(document, "misuses");
    bool good             = document != NULL;
    for (size_t i = 0; good && i < json_array_size(misuses); i++)
        good = add(g, json_array_get(misuses, i));
    if (document && !good)
        snprintf(cell->broken, sizeof cell->broken, "--list-misuses printed no valid list");
    json_decref(document);
    return good;
}

void harden_table_print_names(const struct harden_table *g, FILE *to) {
    for (size_t i = 0; i < g->misuses; i++)
        fprintf(to, "%-28s  %-8s  %s\n", g->misuse[i].name, g->misuse[i].weakness,
                g->misuse[i].summary);
}

bool harden_table_open(struct harden_table *g) {
    for (unsigned s = 0; s < OPTIONS_SIZES; s++)
        g->size[s] = options_match(&g->options->sizes, options_sizes[s]);
    g->outcome          = calloc(g->registry->cells * g->misuses * OPTIONS_SIZES * g->options->runs,
                                 sizeof *g->outcome);
    const size_t places = g->registry->cells * g->misuses * OPTIONS_SIZES;
    for (size_t i = 0; g->outcome && i < places * g->options->runs; i++)
        g->outcome[i].seed = g->options->seed + i % g->options->runs;
    return g->outcome != NULL;
}

void harden_table_close(struct harden_table *g) {
    free(g->misuse);
    free(g->name);
    free(g->outcome);
    *g = (struct harden_table){0};
}

bool harden_table_has(const struct harden_table *g, size_t cell, size_t misuse, unsigned size) {
    if (!g->chosen[cell])
        return false;
    return g->misuse[misuse].sizeless ? size == 0 : g->size[size];
}

size_t harden_table_runs(const struct harden_table *g) {
    size_t all = 0;
    for (size_t i = 0; i < g->registry->cells; i++)
        for (size_t m = 0; m < g->misuses; m++)
            for (unsigned s = 0; s < OPTIONS_SIZES; s++)
                all += harden_table_has(g, i, m, s) ? g->options->runs : 0;
    return all;
}

struct harden_result *harden_table_at(const struct harden_table *g, size_t cell, size_t misuse,
                                      unsigned size) {
    return &g->outcome[((cell * g->misuses + misuse) * OPTIONS_SIZES + size) * g->options->runs];
}

static void count(const struct harden_table *g, const struct harden_result *runs, unsigned *of) {
    for (unsigned i = 0; i < g->options->runs; i++)
        of[runs[i].kind]++;
}

/* A place in letters: "C" if all runs ended so, "C4X1" if not, the most frequent first. */
static void letters(const struct harden_table *g, const struct harden_result *runs, char *text) {
    unsigned of[HARDEN_KINDS] = {0};
    count(g, runs, of);
    size_t length = 0;
    *text         = '\0';
    for (unsigned most = g->options->runs; most > 0; most--)
        for (unsigned k = 0; k < HARDEN_KINDS; k++) {
            char number[16] = "";
            if (of[k] != most || length + sizeof number > MATRIX_TEXT_BYTES)
                continue;
            if (most != g->options->runs)
                snprintf(number, sizeof number, "%u", most);
            length += (size_t)snprintf(text + length, MATRIX_TEXT_BYTES - length, "%c%s",
                                       harden_result_letter[k], number);
        }
}

/* The number of the n-th size that takes part. */
static unsigned nth_size(const struct harden_table *g, size_t n) {
    unsigned s = 0;
    while (!g->size[s] || n-- > 0)
        s++;
    return s;
}

static enum matrix_style place(const void *table, size_t misuse, size_t cell, size_t part,
                               char text[MATRIX_TEXT_BYTES]) {
    const struct harden_table *g = table;
    const bool sizeless          = g->misuse[misuse].sizeless;
    if (!sizeless || part == 0)
        letters(g, harden_table_at(g, cell, misuse, sizeless ? 0 : nth_size(g, part)), text);
    return MATRIX_PLAIN;
}

static void print_matrix(const struct harden_table *g, FILE *to) {
    struct matrix matrix = {.row          = g->misuse,
                            .row_bytes    = sizeof *g->misuse,
                            .rows         = g->misuses,
                            .column       = g->registry->cell,
                            .column_bytes = sizeof *g->registry->cell,
                            .columns      = g->registry->cells,
                            .chosen       = g->chosen,
                            .place        = place,
                            .arg          = g};
    for (unsigned s = 0; s < OPTIONS_SIZES; s++)
        if (g->size[s])
            matrix.part[matrix.parts++] = options_sizes[s];
    matrix_print(&matrix, to);
}

/* How the runs of each allocator ended, in all: no score, for misuses are not alike. */
static void print_sums(const struct harden_table *g, int name_width, FILE *to) {
    static const enum harden_result_kind shown[] = {
        HARDEN_ACCESS,  HARDEN_CALL,     HARDEN_LATER, HARDEN_CRASH,      HARDEN_HANG,
        HARDEN_CORRUPT, HARDEN_SURVIVED, HARDEN_VOID,  HARDEN_UNSUPPORTED};
    fprintf(to, "\n%-*s  of all runs, by outcome:\n%-*s", name_width, "", name_width, "");
    for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
        fprintf(to, "  %s", harden_result_word[shown[k]]);
    fputc('\n', to);
    for (size_t i = 0; i < g->registry->cells; i++) {
        unsigned of[HARDEN_KINDS] = {0};
        if (!g->chosen[i])
            continue;
        for (size_t m = 0; m < g->misuses; m++)
            for (unsigned s = 0; s < OPTIONS_SIZES; s++)
                if (harden_table_has(g, i, m, s))
                    count(g, harden_table_at(g, i, m, s), of);
        fprintf(to, "%-*s", name_width, g->registry->cell[i].name);
        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
            fprintf(to, "  %*u", (int)strlen(harden_result_word[shown[k]]), of[shown[k]]);
        fputc('\n', to);
    }
}

/* Allocators that score nothing, and why. */
static void print_void(const struct harden_table *g, FILE *to) {
    for (size_t i = 0; i < g->registry->cells; i++) {
        const struct harden_result *first = NULL;
        for (size_t m = 0; m < g->misuses && !first; m++)
            for (unsigned s = 0; s < OPTIONS_SIZES; s++)
                for (unsigned r = 0; harden_table_has(g, i, m, s) && r < g->options->runs && !first;
                     r++)
                    if (harden_table_at(g, i, m, s)[r].kind == HARDEN_VOID)
                        first = &harden_table_at(g, i, m, s)[r];
        if (first)
            fprintf(to, "\n%s: runs that say nothing, the first: %s\n", g->registry->cell[i].name,
                    first->seen);
    }
}

void harden_table_print(const struct harden_table *g, FILE *to) {
    int name_width = 0;
    for (size_t m = 0; m < g->misuses; m++)
        if ((int)strlen(g->misuse[m].name) > name_width)
            name_width = (int)strlen(g->misuse[m].name);
    for (size_t i = 0; i < g->registry->cells; i++)
        if (g->chosen[i] && (int)strlen(g->registry->cell[i].name) > name_width)
            name_width = (int)strlen(g->registry->cell[i].name);
    print_matrix(g, to);
    print_sums(g, name_width, to);
    print_void(g, to);
    fprintf(
        to,
        "\n%u runs of each, with seeds from %" PRIu64 " on; C: all of them, C4X1: 4 and 1. "
        "caught:\nA at the access (it faulted), C in the misusing call or the first free of "
        "the block, L in a later\ncall; not caught: ! a fault in the allocator without a word, "
        "H a hang, X went on with damage\nthat was proven, s survived, and no damage was found; "
        "- not supported, ? void: fails without the\nmisuse, too, _ not run. Blocks are as large "
        "as "
        "usable_size says: no slack but what the allocator hides.\n",
        g->options->runs, g->options->seed);
}

static json_t *place_json(const struct harden_table *g, size_t cell, size_t misuse, unsigned size) {
    unsigned of[HARDEN_KINDS]        = {0};
    const struct harden_result *runs = harden_table_at(g, cell, misuse, size);
    const char *class                = g->misuse[misuse].sizeless ? NULL : options_sizes[size];
    json_t *counts = json_object(), *list = json_array();
    count(g, runs, of);
    for (unsigned k = 0; k < HARDEN_KINDS; k++)
        if (of[k])
            json_object_set_new(counts, harden_result_word[k], json_integer(of[k]));
    for (unsigned r = 0; r < g->options->runs; r++) {
        char command[CELL_COMMAND_BYTES];
        harden_result_command(g->options, &g->registry->cell[cell], &g->misuse[misuse],
                              options_sizes[size], runs[r].seed, command, sizeof command);
        json_array_append_new(
            list, json_pack("{s:I, s:s, s:s, s:s, s:s, s:f, s:s}", "seed", (json_int_t)runs[r].seed,
                            "outcome", harden_result_word[runs[r].kind], "step", runs[r].step,
                            "what", runs[r].what, "seen", runs[r].seen, "seconds", runs[r].seconds,
                            "repeat", command));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "allocator", g->registry->cell[cell].name,
                     "misuse", g->misuse[misuse].name, "size",
                     class ? json_string(class) : json_null(), "outcomes", counts, "runs", list);
}

json_t *harden_table_json(const struct harden_table *g) {
    json_t *cells = json_array(), *misuses = json_array(), *results = json_array();
    for (size_t m = 0; m < g->misuses; m++)
        json_array_append_new(misuses,
                              json_pack("{s:s, s:s, s:s}", "name", g->misuse[m].name, "weakness",
                                        g->misuse[m].weakness, "summary", g->misuse[m].summary));
    for (size_t i = 0; i < g->registry->cells; i++) {
        const struct cell *c = &g->registry->cell[i];
        if (g->chosen[i] || *c->skipped || *c->broken)
            json_array_append_new(cells, context_cell(c));
        if (!g->chosen[i])
            continue;
        for (size_t m = 0; m < g->misuses; m++)
            for (unsigned s = 0; s < OPTIONS_SIZES; s++)
                if (harden_table_has(g, i, m, s))
                    json_array_append_new(results, place_json(g, i, m, s));
    }
    json_t *document =
        json_pack("{s:i, s:b, s:I, s:I, s:f, s:o, s:o, s:o}", "schema", 1, "complete",
                  (int)g->complete, "seed", (json_int_t)g->options->seed, "runs",
                  (json_int_t)g->options->runs, "timeout_seconds", g->options->timeout_seconds,
                  "allocators", cells, "misuses", misuses, "results", results);
    context_add_run(document, g->started);
    return document;
}
