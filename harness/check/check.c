#include "check.h"

#include "exit_code.h"
#include "output.h"
#include "progress.h"
#include "report.h"
#include "results.h"
#include "selection.h"
#include "spawn.h"
#include "table.h"
#include "ulimits.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the file for each verdict in it, and for the rest; what is not needed is given back. */
enum { RESERVE_EACH = 4 << 10, RESERVE_ONCE = 256 << 10 };

static void ask(void *list, struct cell *cell) {
    (void)check_list_add(list, cell);
}

/* Which of the chosen cells take part, and the checks that they offer. */
static bool prepare(struct check_list *list, struct registry *r, bool *chosen) {
    const bool any = selection_ask(r, chosen, ask, list);
    if (any && !spawn_interrupted() && !check_list_names_exist(list))
        return false;
    if (any && list->checks) {
        check_list_find_released(r, chosen, list->options->timeout_seconds);
        return check_list_read_known(list);
    }
    if (spawn_interrupted())
        return false;
    if (any)
        fprintf(stderr, "spanbench: none of the checks named is of the profile %s\n",
                options_profiles[list->options->profile]);
    else
        fprintf(stderr, "spanbench: no allocator is left to check; see 'spanbench list'\n");
    return false;
}

static void tell(const struct check_table *m, size_t cell, size_t check, const char *told) {
    const struct check_result *v = check_table_at(m, cell, check);
    fprintf(stderr, "%s %s: %s (%.2f s)\n", m->registry->cell[cell].name,
            m->list->check[check].name, check_result_word(v), v->seconds);
    if (v->end == CHECK_UNSUPPORTED)
        fprintf(stderr, "  %s\n", v->seen);
    if (v->end == CHECK_FAIL)
        check_table_print_failure(m, cell, check, "  ", stderr);
    fputs(told, stderr);
}

static size_t all_of(const struct check_table *m) {
    size_t all = 0;
    for (size_t i = 0; i < m->registry->cells; i++)
        all += m->chosen[i] ? m->list->checks : 0;
    return all;
}

/* Every check on every cell; stops at an interrupt, and when nobody takes the TAP: an errno says
 * so. Returns how many were run. */
static size_t run_all(struct check_table *m, int *error) {
    static char told[SPAWN_OUTPUT_BYTES];
    const size_t all = all_of(m);
    size_t done      = 0;
    double seconds   = 0;
    if (m->options->tap)
        printf("TAP version 13\n1..%zu\n", all);
    for (size_t i = 0; i < m->registry->cells; i++)
        for (size_t k = 0; m->chosen[i] && k < m->list->checks; k++) {
            const struct check_info *check = &m->list->check[k];
            struct check_result *v         = check_table_at(m, i, k);
            char what[160];
            snprintf(what, sizeof what, "%s %s", m->registry->cell[i].name, check->name);
            /* those of one allocator last as long as those of another, more or less */
            progress_show(
                "check", done + 1, all,
                done < m->list->checks ? -1 : seconds / (double)done * (double)(all - done), what);
            check_result_run(m->list, m->options, &m->registry->cell[i], check, v, told,
                             sizeof told);
            if (spawn_interrupted())
                return done;
            progress_clear();
            m->findings += check_result_is_finding(v);
            seconds += v->seconds;
            done++;
            if (m->options->tap)
                check_report_tap(m, i, k, done, stdout, stderr);
            if (m->options->verbose)
                tell(m, i, k, told);
            if (m->options->tap && (*error = output_error()))
                return done;
        }
    m->complete = true;
    return done;
}

/* The space of the file is reserved before the first check. */
static bool open_file(const struct check_table *m, struct results *r, struct results_file *json) {
    char problem[RESULTS_PROBLEM_BYTES];
    const size_t reserve = RESERVE_ONCE + all_of(m) * RESERVE_EACH;
    const bool opened    = results_open(r, m->options->out, problem, sizeof problem);
    if (opened && results_create(r, "conformance.json", reserve, json, problem, sizeof problem))
        return true;
    fprintf(stderr, "spanbench: %s\n", problem);
    if (opened)
        results_remove(r);
    return false;
}

/* The file, whole or not at all, and where it is. */
static bool save(const struct check_table *m, const struct results *r, struct results_file *json) {
    char problem[RESULTS_PROBLEM_BYTES];
    json_t *document = check_report_json(m);
    const bool made  = document && json_dumpf(document, json->stream, JSON_INDENT(1)) == 0;
    json_decref(document);
    bool good = results_commit(json, problem, sizeof problem);
    if (good && made)
        good = results_tell(r, m->options->directory_to, problem, sizeof problem);
    if (!good || !made)
        fprintf(stderr, "spanbench: %s\n", good ? "conformance.json: out of memory" : problem);
    return good && made;
}

/* Ends a run that was interrupted before its first verdict: nothing of it stays. */
static void give_up(struct results *r, struct results_file *json) {
    results_discard(json);
    results_remove(r);
    progress_clear();
    fprintf(stderr, "spanbench: interrupted before the first verdict; nothing is saved\n");
}

/* The last lines: how it went, on standard error. Returns the exit code. */
static int sum_up(const struct check_table *m, size_t done, int error) {
    char limits[400];
    if (!m->complete)
        fprintf(stderr, "spanbench: %s: %zu of %zu checks were run, the others have no verdict\n",
                error ? output_describe(error) : "interrupted", done, all_of(m));
    else if (error)
        fprintf(stderr, "spanbench: cannot write to standard output: %s\n", strerrordesc_np(error));
    fprintf(stderr, "spanbench: %zu check%s, %zu finding%s, seed %llu, profile %s\n", done,
            done == 1 ? "" : "s", m->findings, m->findings == 1 ? "" : "s",
            (unsigned long long)m->options->seed, options_profiles[m->options->profile]);
    const int own  = error ? EXIT_WRONG_USE : m->findings ? EXIT_FINDING : EXIT_GOOD;
    const int code = selection_exit_code(m->options, m->registry, "checked", own);
    ulimits_describe(limits, sizeof limits);
    if (*limits)
        fprintf(stderr,
                "spanbench: the checks ran under limits, and may end otherwise without: %s\n",
                limits);
    return code;
}

static int run_matrix(struct check_table *m) {
    struct results results;
    struct results_file json;
    int error = 0;
    if (!open_file(m, &results, &json))
        return EXIT_WRONG_USE;
    const size_t done = run_all(m, &error);
    if (!done) {
        give_up(&results, &json);
        return EXIT_WRONG_USE;
    }
    progress_clear();
    const bool saved = save(m, &results, &json);
    if (!m->options->tap)
        check_table_print(m, stdout);
    else if (spawn_interrupted())
        puts("Bail out! interrupted");
    error          = error ? error : output_error();
    const int code = sum_up(m, done, error);
    if (saved)
        fprintf(stderr, "spanbench: %s/conformance.json\n", results.directory);
    return saved ? code : EXIT_WRONG_USE;
}

static int check_all(const struct check_list *list, const struct registry *r, const bool *chosen) {
    const size_t verdicts = r->cells * list->checks;
    int code              = EXIT_WRONG_USE;
    struct check_table m  = {.options  = list->options,
                             .list     = list,
                             .registry = r,
                             .chosen   = chosen,
                             .verdict  = calloc(verdicts, sizeof *m.verdict),
                             .started  = time(NULL)};
    if (m.verdict)
        code = run_matrix(&m);
    else
        fprintf(stderr, "spanbench: out of memory\n");
    for (size_t i = 0; m.verdict && i < verdicts; i++)
        free(m.verdict[i].stacks);
    free(m.verdict);
    return code;
}

int check_command(const struct options *o) {
    struct registry registry = {0};
    struct check_list list   = {.options = o};
    bool *chosen             = NULL;
    int code                 = EXIT_WRONG_USE;
    if (selection_open(o, &registry, &chosen) && prepare(&list, &registry, chosen)) {
        if (o->list_names)
            check_list_print(&list, stdout);
        code = o->list_names ? EXIT_GOOD : check_all(&list, &registry, chosen);
    }
    check_list_close(&list);
    registry_close(&registry);
    free(chosen);
    return code;
}
