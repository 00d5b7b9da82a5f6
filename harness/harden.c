#include "harden.h"

#include "grid.h"
#include "progress.h"
#include "results.h"
#include "selection.h"
#include "spawn.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GOOD = 0, FINDING = 1, WRONG_USE = 2, SIGNALLED = 128 };

/* Which of the chosen cells take part, and the misuses that they offer. */
static bool prepare(struct grid *g, struct registry *r, bool *chosen, size_t *broken) {
    bool any = false;
    for (size_t i = 0; i < r->cells; i++) {
        struct cell *c = &r->cell[i];
        if (!chosen[i])
            continue;
        if (!*c->skipped && !*c->broken && !c->floor)
            (void)grid_add(g, c); /* marks a cell that has none as broken */
        chosen[i] = selection_takes_part(c);
        any |= chosen[i];
        *broken += *c->broken != '\0';
    }
    if ((!any || !g->misuses) && !spawn_interrupted() && !*broken)
        fprintf(stderr, "spanbench: nothing is left to misuse; see 'spanbench list' and "
                        "--list-misuses of a cell\n");
    return any && g->misuses;
}

static void tell(const struct grid *g, size_t cell, size_t misuse, unsigned size, unsigned nth) {
    const struct outcome *o = &grid_at(g, cell, misuse, size)[nth];
    char command[3 * PATH_MAX];
    outcome_command(&g->registry->cell[cell], &g->misuse[misuse], options_sizes[size], o->seed,
                    command, sizeof command);
    fprintf(stderr, "%s %s %s: %s at %s (%s); %s\n  %s\n", g->registry->cell[cell].name,
            g->misuse[misuse].name, options_sizes[size], outcome_word[o->kind],
            *o->step ? o->step : "start", o->what, o->seen, command);
}

/* Each place of the matrix, all its runs; stops at an interrupt. Returns how many runs were made.
 * The allocators take turns, so that the parts that are there after an interrupt can be compared.
 */
static size_t run_all(struct grid *g) {
    const unsigned k = g->options->runs;
    size_t done = 0, all = 0;
    const time_t start = time(NULL);
    for (size_t i = 0; i < g->registry->cells * g->misuses * OPTIONS_SIZES; i++)
        all += grid_has(g, i / OPTIONS_SIZES / g->misuses, i / OPTIONS_SIZES % g->misuses,
                        (unsigned)(i % OPTIONS_SIZES))
                   ? k
                   : 0;
    for (size_t m = 0; m < g->misuses; m++)
        for (unsigned s = 0; s < OPTIONS_SIZES; s++)
            for (size_t i = 0; i < g->registry->cells; i++)
                for (unsigned r = 0; grid_has(g, i, m, s) && r < k; r++) {
                    const double each = done ? difftime(time(NULL), start) / (double)done : -1;
                    progress_show("run", done + 1, all, each * (double)(all - done),
                                  g->misuse[m].name);
                    outcome_run(g->options, &g->registry->cell[i], &g->misuse[m], options_sizes[s],
                                g->options->seed + r, &grid_at(g, i, m, s)[r]);
                    if (spawn_interrupted())
                        return done;
                    progress_clear();
                    done++;
                    if (g->options->verbose)
                        tell(g, i, m, s, r);
                }
    return done;
}

static size_t count_void(const struct grid *g) {
    size_t found = 0;
    for (size_t i = 0; i < g->registry->cells * g->misuses * OPTIONS_SIZES * g->options->runs; i++)
        found += g->outcome[i].kind == OUTCOME_VOID;
    return found;
}

static bool save(const struct grid *g, const struct results *r, char *problem, size_t size) {
    struct results_file file;
    if (!results_create(r, "hardening.json", 0, &file, problem, size))
        return false;
    json_t *document = grid_json(g);
    json_dumpf(document, file.stream, JSON_INDENT(1));
    json_decref(document);
    return results_commit(&file, problem, size);
}

static int run_grid(struct grid *g, size_t broken) {
    struct results results;
    char problem[RESULTS_PROBLEM_BYTES];
    if (!grid_open(g)) {
        fprintf(stderr, "spanbench: out of memory\n");
        return WRONG_USE;
    }
    bool good         = results_open(&results, g->options->out, problem, sizeof problem);
    const size_t done = good ? run_all(g) : 0;
    progress_clear();
    if (good)
        good = save(g, &results, problem, sizeof problem);
    if (!good) {
        fprintf(stderr, "spanbench: %s\n", problem);
        return WRONG_USE;
    }
    grid_print(g, stdout);
    fflush(stdout);
    const size_t nothing = count_void(g);
    fprintf(stderr, "spanbench: %zu runs, %zu of them void: %s/hardening.json\n", done, nothing,
            results.directory);
    return nothing || broken ? FINDING : GOOD;
}

int harden_command(const struct options *o) {
    struct registry registry = {0};
    struct grid grid         = {.options = o, .registry = &registry};
    bool *chosen             = NULL;
    size_t broken            = 0;
    int code                 = WRONG_USE;
    if (selection_open(o, &registry, &chosen) && prepare(&grid, &registry, chosen, &broken)) {
        grid.chosen = chosen;
        code        = run_grid(&grid, broken);
    } else if (broken) {
        code = FINDING;
    }
    if (spawn_interrupted())
        code = SIGNALLED + spawn_interrupted();
    grid_close(&grid);
    registry_close(&registry);
    free(chosen);
    return code;
}
