#include "check.h"

#include "document.h"
#include "exit_code.h"
#include "output.h"
#include "progress.h"
#include "report.h"
#include "selection.h"
#include "spawn.h"
#include "table.h"
#include "text.h"
#include "ulimits.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Bytes of a file for each result in it, and for the rest. */
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
        text_say("none of the named checks belongs to the profile %s",
                 options_profiles[list->options->profile]);
    else
        text_say("no allocator is left to check; see 'spanbench list'");
    return false;
}

static void tell(const struct check_table *t, size_t cell, size_t check, const char *told) {
    const struct check_result *r = check_table_at(t, cell, check);
    fprintf(stderr, "%s %s: %s (%.2f s)\n", t->registry->cell[cell].name,
            t->list->check[check].name, check_result_word(r), r->seconds);
    if (r->end == CHECK_RESULT_UNSUPPORTED)
        fprintf(stderr, "  reason: %s\n", r->seen);
    if (r->end == CHECK_RESULT_FAIL)
        check_table_print_failure(t, cell, check, "  ", stderr);
    text_print_lines("  | ", told, stderr);
}

/* Every check on every cell; stops at an interrupt, and when nobody takes the TAP: an errno says
 * so. Returns how many were run. */
static size_t run_all(struct check_table *t, struct document *document, int *error) {
    static char told[SPAWN_OUTPUT_BYTES];
    const size_t all = check_table_runs(t);
    size_t done      = 0;
    double seconds   = 0;
    if (t->options->tap)
        printf("TAP version 13\n1..%zu\n", all);
    for (size_t i = 0; i < t->registry->cells; i++) {
        struct check_hang hang = {0};
        for (size_t k = 0; t->chosen[i] && k < t->list->checks; k++) {
            const struct check_info *check = &t->list->check[k];
            struct check_result *r         = check_table_at(t, i, k);
            char what[160];
            snprintf(what, sizeof what, "%s %s", t->registry->cell[i].name, check->name);
            /* those of one allocator last as long as those of another, more or less */
            progress_show(
                "check", done + 1, all,
                done < t->list->checks ? -1 : seconds / (double)done * (double)(all - done), what);
            check_result_run(t->list, t->options, &t->registry->cell[i], check, &hang, r, told,
                             sizeof told);
            if (r->timed_out && !spawn_interrupted())
                check_hang_learn(&hang, t->options, &t->registry->cell[i], check);
            if (spawn_interrupted())
                return done;
            progress_clear();
            t->findings += check_result_is_finding(r);
            seconds += r->seconds;
            done++;
            if (t->options->tap)
                check_report_tap(t, i, k, done, stdout, stderr);
            if (t->options->verbose)
                tell(t, i, k, told);
            document_add(document);
            if (t->options->tap && (*error = output_error()))
                return done;
        }
    }
    t->complete = true;
    return done;
}

/* The last lines: how it went, on standard error. Returns the exit code. */
static int sum_up(const struct check_table *t, size_t done, int error) {
    char limits[400];
    if (!t->complete)
        text_say("%s: %zu of %zu checks were run; the others have no result",
                 error ? output_describe(error) : "interrupted", done, check_table_runs(t));
    else if (error)
        text_say("cannot write the output: %s", output_describe(error));
    text_say("%zu check%s in %s, %zu finding%s, seed %llu, profile %s", done, text_plural(done),
             progress_duration(difftime(time(NULL), t->started)), t->findings,
             text_plural(t->findings), (unsigned long long)t->options->seed,
             options_profiles[t->options->profile]);
    const int own  = error ? EXIT_WRONG_USE : t->findings ? EXIT_FINDING : EXIT_GOOD;
    const int code = selection_exit_code(t->options, t->registry, "checked", own);
    ulimits_describe(limits, sizeof limits);
    if (*limits)
        text_say("the checks ran under these limits and may end differently without: %s", limits);
    return code;
}

static json_t *make(const void *table) {
    return check_report_json(table);
}

static int run_table(struct check_table *t) {
    struct document document;
    char problem[RESULTS_PROBLEM_BYTES];
    int error = 0;
    if (!document_open(&document, t->options->out, "conformance.json",
                       RESERVE_ONCE + check_table_runs(t) * RESERVE_EACH))
        return EXIT_WRONG_USE;
    t->started = time(NULL);
    document_begin(&document, "conformance.json", make, t);
    const size_t done = run_all(t, &document, &error);
    progress_clear();
    if (!done) {
        document_give_up(&document, "check");
        return EXIT_WRONG_USE;
    }
    bool saved = document_save(&document, check_report_json(t));
    if (saved &&
        !results_tell(&document.results, t->options->directory_to, problem, sizeof problem)) {
        text_say("%s", problem);
        saved = false;
    }
    if (!t->options->tap)
        check_table_print(t, stdout);
    else if (spawn_interrupted())
        puts("Bail out! interrupted");
    error          = error ? error : output_error();
    const int code = sum_up(t, done, error);
    if (saved)
        text_say("%s/conformance.json", document.results.directory);
    return saved ? code : EXIT_WRONG_USE;
}

static int check_all(const struct check_list *list, const struct registry *r, const bool *chosen) {
    struct check_table t = {
        .options = list->options, .list = list, .registry = r, .chosen = chosen};
    int code = EXIT_WRONG_USE;
    if (check_table_open(&t))
        code = run_table(&t);
    else
        text_say("out of memory");
    check_table_close(&t);
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
