#include "harden.h"

#include "exit_code.h"
#include "progress.h"
#include "results.h"
#include "selection.h"
#include "spawn.h"
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of the file for each run in it, and for the rest; what is not needed is given back. */
enum { RESERVE_EACH = 1 << 10, RESERVE_ONCE = 256 << 10 };

static void ask(void *grid, struct cell *cell) {
    (void)harden_table_add(grid, cell);
}

/* Which of the chosen cells take part, and the misuses that they offer. */
static bool prepare(struct harden_table *g, struct registry *r, bool *chosen) {
    const bool any = selection_ask(r, chosen, ask, g);
    if (any && !spawn_interrupted() && !harden_table_names_exist(g))
        return false;
    if (any && g->misuses)
        return true;
    if (!spawn_interrupted())
        fprintf(stderr, "spanbench: no allocator is left to misuse; see 'spanbench list'\n");
    return false;
}

static void tell(const struct harden_table *g, size_t cell, size_t misuse, unsigned size,
                 unsigned nth) {
    const struct harden_result *o = &harden_table_at(g, cell, misuse, size)[nth];
    char command[CELL_COMMAND_BYTES];
    harden_result_command(g->options, &g->registry->cell[cell], &g->misuse[misuse],
                          options_sizes[size], o->seed, command, sizeof command);
    fprintf(stderr, "%s %s %s: %s at %s (%s); %s\n  %s\n", g->registry->cell[cell].name,
            g->misuse[misuse].name, options_sizes[size], harden_result_word[o->kind],
            *o->step ? o->step : "start", o->what, o->seen, command);
}

/* Each place of the matrix, all its runs; stops at an interrupt. Returns how many runs were made.
 * The allocators take turns, so that the parts that are there after an interrupt can be compared.
 */
static size_t run_all(struct harden_table *g) {
    const unsigned k = g->options->runs;
    const size_t all = harden_table_runs(g);
    size_t done      = 0;
    for (size_t m = 0; m < g->misuses; m++)
        for (unsigned s = 0; s < OPTIONS_SIZES; s++)
            for (size_t i = 0; i < g->registry->cells; i++)
                for (unsigned r = 0; harden_table_has(g, i, m, s) && r < k; r++) {
                    const double each = done ? difftime(time(NULL), g->started) / (double)done : -1;
                    progress_show("run", done + 1, all, each * (double)(all - done),
                                  g->misuse[m].name);
                    harden_result_run(g->options, &g->registry->cell[i], &g->misuse[m],
                                      options_sizes[s], g->options->seed + r,
                                      &harden_table_at(g, i, m, s)[r]);
                    done += harden_table_at(g, i, m, s)[r].kind != HARDEN_NONE;
                    if (spawn_interrupted())
                        return done;
                    progress_clear();
                    if (g->options->verbose)
                        tell(g, i, m, s, r);
                }
    g->complete = true;
    return done;
}

static size_t count_void(const struct harden_table *g) {
    size_t found = 0;
    for (size_t i = 0; i < g->registry->cells * g->misuses * OPTIONS_SIZES * g->options->runs; i++)
        found += g->outcome[i].kind == HARDEN_VOID;
    return found;
}

/* The space of the file is reserved before the first run. False: standard error says why not, and
 * nothing of it stays. */
static bool open_file(const struct harden_table *g, struct results *r, struct results_file *file) {
    char problem[RESULTS_PROBLEM_BYTES];
    const bool opened = results_open(r, g->options->out, problem, sizeof problem);
    if (opened &&
        results_create(r, "hardening.json", RESERVE_ONCE + harden_table_runs(g) * RESERVE_EACH,
                       file, problem, sizeof problem))
        return true;
    fprintf(stderr, "spanbench: %s\n", problem);
    if (opened)
        results_remove(r);
    return false;
}

/* The file, whole or not at all. */
static bool save(const struct harden_table *g, const struct results *r, struct results_file *file) {
    char problem[RESULTS_PROBLEM_BYTES];
    json_t *document = harden_table_json(g);
    errno            = 0;
    const bool made  = document && json_dumpf(document, file->stream, JSON_INDENT(1)) == 0;
    const int error  = errno;
    json_decref(document);
    if (made && results_commit(file, problem, sizeof problem))
        return true;
    if (!made) {
        snprintf(problem, sizeof problem, "cannot write %s: %s", file->final,
                 strerrordesc_np(document && error ? error : ENOMEM));
        results_discard(file);
    }
    fprintf(stderr, "spanbench: %s\n", problem);
    results_remove(r);
    return false;
}

static int run_grid(struct harden_table *g) {
    struct results results;
    struct results_file file = {0};
    if (!harden_table_open(g)) {
        fprintf(stderr, "spanbench: out of memory\n");
        return EXIT_WRONG_USE;
    }
    if (!open_file(g, &results, &file))
        return EXIT_WRONG_USE;
    g->started        = time(NULL);
    const size_t done = run_all(g);
    progress_clear();
    if (!done) { /* nothing of it stays */
        results_discard(&file);
        results_remove(&results);
        fprintf(stderr, "spanbench: interrupted before the first run ended; nothing is saved\n");
        return EXIT_WRONG_USE;
    }
    const bool saved = save(g, &results, &file);
    harden_table_print(g, stdout);
    fflush(stdout);
    if (!g->complete)
        fprintf(stderr, "spanbench: interrupted: %zu of %zu runs\n", done, harden_table_runs(g));
    const size_t nothing = count_void(g);
    fprintf(stderr, "spanbench: %zu run%s, %zu of them void, seed %llu\n", done,
            done == 1 ? "" : "s", nothing, (unsigned long long)g->options->seed);
    const int code =
        selection_exit_code(g->options, g->registry, "misused", nothing ? EXIT_FINDING : EXIT_GOOD);
    if (saved)
        fprintf(stderr, "spanbench: %s/hardening.json\n", results.directory);
    return saved ? code : EXIT_WRONG_USE;
}

/* The seeds of all runs must be seeds. */
static bool seeds_exist(const struct options *o) {
    if (o->seed <= (uint64_t)INT64_MAX - (o->runs - 1))
        return true;
    fprintf(stderr, "spanbench: --seed %llu and --runs %u: the last seed would be above %lld\n",
            (unsigned long long)o->seed, o->runs, (long long)INT64_MAX);
    return false;
}

int harden_command(const struct options *o) {
    struct registry registry = {0};
    struct harden_table grid = {.options = o, .registry = &registry};
    bool *chosen             = NULL;
    int code                 = EXIT_WRONG_USE;
    if (seeds_exist(o) && selection_open(o, &registry, &chosen) &&
        prepare(&grid, &registry, chosen)) {
        grid.chosen = chosen;
        if (o->list_names)
            harden_table_print_names(&grid, stdout);
        code = o->list_names ? EXIT_GOOD : run_grid(&grid);
    }
    harden_table_close(&grid);
    registry_close(&registry);
    free(chosen);
    return code;
}
