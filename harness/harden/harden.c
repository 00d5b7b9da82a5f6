#include "harden.h"

#include "document.h"
#include "exit_code.h"
#include "progress.h"
#include "report.h"
#include "selection.h"
#include "spawn.h"
#include "table.h"
#include "text.h"

#include <stdlib.h>
#include <time.h>

/* Bytes of the file for each run in it, and for the rest. */
enum { RESERVE_EACH = 1 << 10, RESERVE_ONCE = 256 << 10 };

static void ask(void *list, struct cell *cell) {
    (void)harden_list_add(list, cell);
}

/* Which of the chosen cells take part, and the misuses that they offer. */
static bool prepare(struct harden_list *list, struct registry *r, bool *chosen) {
    const bool any = selection_ask(r, chosen, ask, list);
    if (any && !spawn_interrupted() && !harden_list_names_exist(list))
        return false;
    if (any && list->misuses)
        return true;
    if (!spawn_interrupted())
        text_say("no allocator is left to misuse; see 'spanbench list'");
    return false;
}

static void tell(const struct harden_table *t, size_t cell, size_t misuse, unsigned size,
                 unsigned nth) {
    const struct harden_result *r = &harden_table_at(t, cell, misuse, size)[nth];
    char command[CELL_COMMAND_BYTES];
    harden_result_command(t->options, &t->registry->cell[cell], &t->list->misuse[misuse],
                          options_sizes[size], r->seed, command, sizeof command);
    fprintf(stderr, "%s %s %s: %s at %s (%s); %s\n  repeat: %s\n", t->registry->cell[cell].name,
            t->list->misuse[misuse].name, options_sizes[size], harden_result_word[r->end],
            *r->step ? r->step : "start", r->what, r->seen, command);
}

/* Makes all runs of each place of the table; stops at an interrupt. Returns how many were made. The
 * allocators take turns, so that what is there after an interrupt can be compared. */
static size_t run_all(struct harden_table *t, struct document *document) {
    const unsigned k = t->options->runs;
    const size_t all = harden_table_runs(t);
    size_t done      = 0;
    for (size_t m = 0; m < t->list->misuses; m++)
        for (unsigned s = 0; s < OPTIONS_SIZES; s++)
            for (size_t i = 0; i < t->registry->cells; i++)
                for (unsigned r = 0; harden_table_has(t, i, m, s) && r < k; r++) {
                    const double each = done ? difftime(time(NULL), t->started) / (double)done : -1;
                    progress_show("run", done + 1, all, each * (double)(all - done),
                                  t->list->misuse[m].name);
                    harden_result_run(t->options, &t->registry->cell[i], &t->list->misuse[m],
                                      options_sizes[s], t->options->seed + r,
                                      &harden_table_at(t, i, m, s)[r]);
                    done += harden_table_at(t, i, m, s)[r].end != HARDEN_RESULT_NONE;
                    if (spawn_interrupted())
                        return done;
                    progress_clear();
                    if (t->options->verbose)
                        tell(t, i, m, s, r);
                    document_add(document);
                }
    t->complete = true;
    return done;
}

static size_t count_void(const struct harden_table *t) {
    size_t found = 0;
    for (size_t i = 0; i < t->registry->cells * t->list->misuses * OPTIONS_SIZES * t->options->runs;
         i++)
        found += t->result[i].end == HARDEN_RESULT_VOID;
    return found;
}

static json_t *make(const void *table) {
    return harden_report_json(table);
}

static int run_table(struct harden_table *t) {
    struct document document;
    char problem[RESULTS_PROBLEM_BYTES];
    if (!document_open(&document, t->options->out, "hardening.json",
                       RESERVE_ONCE + harden_table_runs(t) * RESERVE_EACH))
        return EXIT_WRONG_USE;
    t->started = time(NULL);
    document_begin(&document, "hardening.json", make, t);
    const size_t done = run_all(t, &document);
    progress_clear();
    if (!done) {
        document_give_up(&document, "run");
        return EXIT_WRONG_USE;
    }
    bool saved = document_save(&document, harden_report_json(t));
    if (saved &&
        !results_tell(&document.results, t->options->directory_to, problem, sizeof problem)) {
        text_say("%s", problem);
        saved = false;
    }
    harden_table_print(t, stdout);
    fflush(stdout);
    if (!t->complete)
        text_say("interrupted: %zu of %zu runs", done, harden_table_runs(t));
    const size_t nothing = count_void(t);
    text_say("%zu run%s, %zu of them void, seed %llu", done, text_plural(done), nothing,
             (unsigned long long)t->options->seed);
    const int code =
        selection_exit_code(t->options, t->registry, "misused", nothing ? EXIT_FINDING : EXIT_GOOD);
    if (saved)
        text_say("%s/hardening.json", document.results.directory);
    return saved ? code : EXIT_WRONG_USE;
}

static int harden_all(const struct harden_list *list, const struct registry *r,
                      const bool *chosen) {
    struct harden_table t = {
        .options = list->options, .list = list, .registry = r, .chosen = chosen};
    int code = EXIT_WRONG_USE;
    if (harden_table_open(&t))
        code = run_table(&t);
    else
        text_say("out of memory");
    harden_table_close(&t);
    return code;
}

int harden_command(const struct options *o) {
    struct registry registry = {0};
    struct harden_list list  = {.options = o};
    bool *chosen             = NULL;
    int code                 = EXIT_WRONG_USE;
    if (options_seeds_exist(o, "runs", o->runs) && selection_open(o, &registry, &chosen) &&
        prepare(&list, &registry, chosen)) {
        if (o->list_names)
            harden_list_print(&list, stdout);
        code = o->list_names ? EXIT_GOOD : harden_all(&list, &registry, chosen);
    }
    harden_list_close(&list);
    registry_close(&registry);
    free(chosen);
    return code;
}
