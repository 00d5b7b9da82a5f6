#include "conform.h"

#include "matrix.h"
#include "progress.h"
#include "results.h"
#include "selection.h"
#include "spawn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GOOD = 0, FINDING = 1, WRONG_USE = 2, SIGNALLED = 128 };

/* Which of the chosen cells take part. A cell that is broken is a finding. */
static bool prepare(const struct options *o, struct registry *r, struct checklist *list,
                    bool *chosen, size_t *broken) {
    bool any = false;
    for (size_t i = 0; i < r->cells; i++) {
        struct cell *c = &r->cell[i];
        if (!chosen[i])
            continue;
        if (!*c->skipped && !*c->broken && !c->floor)
            (void)checklist_add(list, o, c); /* marks a cell that has none as broken */
        chosen[i] = selection_takes_part(c);
        any |= chosen[i];
        *broken += *c->broken != '\0';
    }
    if (any && list->checks)
        return checklist_read_known(list, o->known);
    if (!spawn_interrupted() && !*broken)
        fprintf(stderr, "spanbench: nothing is left to check; see 'spanbench list' and "
                        "--list-checks of a cell\n");
    return false;
}

/* Every check on every cell; stops at an interrupt. Returns how many were run. */
static size_t run_all(struct matrix *m) {
    size_t done = 0, all = 0;
    static char told[SPAWN_OUTPUT_BYTES];
    for (size_t i = 0; i < m->registry->cells; i++)
        all += m->chosen[i] ? m->list->checks : 0;
    if (m->options->tap)
        printf("TAP version 13\n1..%zu\n", all);
    for (size_t i = 0; i < m->registry->cells; i++)
        for (size_t k = 0; m->chosen[i] && k < m->list->checks; k++) {
            const struct check_info *check = &m->list->check[k];
            struct verdict *v              = matrix_at(m, i, k);
            progress_show("check", done + 1, all, -1, check->name);
            verdict_run(m->list, m->options, &m->registry->cell[i], check, v, told, sizeof told);
            if (spawn_interrupted())
                return done;
            progress_clear();
            m->findings += verdict_is_finding(v);
            done++;
            if (m->options->tap)
                matrix_print_tap(m, i, k, done, stdout);
            if (m->options->verbose) {
                fprintf(stderr, "%s %s: %s (%.2f s)\n", m->registry->cell[i].name, check->name,
                        verdict_word(v), v->seconds);
                if (v->end == VERDICT_UNSUPPORTED)
                    fprintf(stderr, "  %s\n", v->seen);
                if (v->end == VERDICT_FAIL)
                    matrix_print_failure(m, i, k, "  ", stderr);
                fputs(told, stderr);
            }
        }
    return done;
}

/* A file of the run's, whole or not at all. */
static bool save(const struct matrix *m, const struct results *r, const char *name, bool json) {
    char problem[RESULTS_PROBLEM_BYTES];
    struct results_file file;
    bool good = results_create(r, name, 0, &file, problem, sizeof problem);
    if (good) {
        json_t *document = json ? matrix_json(m) : NULL;
        if (json)
            json_dumpf(document, file.stream, JSON_INDENT(1));
        else
            matrix_write_junit(m, file.stream);
        json_decref(document);
        good = results_commit(&file, problem, sizeof problem);
    }
    if (!good)
        fprintf(stderr, "spanbench: %s\n", problem);
    return good;
}

static int run_matrix(struct matrix *m, struct results *r) {
    const size_t done = run_all(m);
    const bool saved  = save(m, r, "conformance.json", true) & save(m, r, "conformance.xml", false);
    progress_clear();
    if (!m->options->tap)
        matrix_print(m, stdout);
    fflush(stdout);
    fprintf(stderr, "spanbench: %zu checks run, %zu findings: %s/conformance.json\n", done,
            m->findings, r->directory);
    if (spawn_interrupted())
        return SIGNALLED + spawn_interrupted();
    return !saved ? WRONG_USE : m->findings ? FINDING : GOOD;
}

int conform_command(const struct options *o) {
    struct registry registry = {0};
    struct checklist list    = {0};
    struct results results;
    bool *chosen  = NULL;
    size_t broken = 0;
    int code      = WRONG_USE;
    char problem[RESULTS_PROBLEM_BYTES];
    if (selection_open(o, &registry, &chosen) && prepare(o, &registry, &list, chosen, &broken)) {
        struct matrix m = {o, &list, &registry, chosen, NULL, 0};
        m.verdict       = calloc(registry.cells * list.checks, sizeof *m.verdict);
        if (m.verdict && results_open(&results, o->out, problem, sizeof problem))
            code = run_matrix(&m, &results);
        else
            fprintf(stderr, "spanbench: %s\n", m.verdict ? problem : "out of memory");
        free(m.verdict);
    }
    if (broken && code != WRONG_USE && code < SIGNALLED)
        code = FINDING;
    if (spawn_interrupted() && code == WRONG_USE)
        code = SIGNALLED + spawn_interrupted();
    checklist_close(&list);
    registry_close(&registry);
    free(chosen);
    return code;
}
