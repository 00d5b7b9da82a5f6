#include "try.h"

#include "comparison.h"
#include "exit_code.h"
#include "locate.h"
#include "output.h"
#include "script.h"
#include "selection.h"
#include "smallest.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wordexp.h>

enum { RESERVED_RUNS = 100 };

static bool make_plan(struct comparison *c) {
    const size_t rows    = c->trial.lineup.rows;
    struct plan_row *row = calloc(rows, sizeof *row);
    const unsigned most  = TRY_MOST_RUNS;
    bool good            = row;
    for (size_t i = 0; good && i < rows; i++)
        row[i].allocator = (unsigned)i;
    good = good && plan_make(&c->plan, row, rows, most, false, c->options->common.seed);
    free(row);
    c->known = calloc(rows, sizeof *c->known);
    for (size_t i = 0; c->known && i < rows; i++)
        c->known[i].shared = c->known[i].high_water = -1;
    if (good && c->known)
        return true;
    text_say("out of memory");
    return false;
}

/* `command` is run by sh. `argv` has room for four words. */
static void use_shell(struct build *build, const char *command, char **argv) {
    static char shell[] = "sh", option[] = "-c";
    snprintf(build->path, sizeof build->path, "/bin/sh");
    argv[0] = shell, argv[1] = option, argv[2] = (char *)command, argv[3] = NULL;
    build->argv = argv;
}

/* The other build starts as the first does: without a shell, if that has none. Its words are split
 * as a shell splits them; they live as long as this process. */
static bool find_other(struct comparison *c) {
    static char *argv[4];
    static wordexp_t words;
    const struct try_options *o = c->options;
    if (!o->against)
        return true;
    if (o->shell || o->server) {
        use_shell(&c->build[1], o->against, argv);
        return true;
    }
    if (wordexp(o->against, &words, WRDE_NOCMD) != 0 || !words.we_wordc) {
        text_say("--against takes one word, a command without operators of the shell, not '%s'; "
                 "with --shell both commands may have them",
                 o->against);
        return false;
    }
    c->build[1].argv = words.we_wordv;
    return locate_program(words.we_wordv[0], o->directory, c->build[1].path,
                          sizeof c->build[1].path);
}

/* Finds the program before anything else is done. */
static bool find_program(struct comparison *c) {
    static char *argv[4];
    const struct try_options *o = c->options;
    if (!locate_directory(o->directory) || !locate_input(o->input) || !find_other(c))
        return false;
    if (o->shell || o->server) {
        use_shell(&c->build[0], o->server ? o->server : o->program[0], argv);
        return true;
    }
    c->build[0].argv = o->program;
    return locate_program(o->program[0], o->directory, c->build[0].path, sizeof c->build[0].path);
}

/* Another copy of program.json, where the user wants one. Of nothing there is none. */
static bool copy_document(const struct comparison *c, bool complete) {
    const struct try_options *o = c->options;
    if (!o->json || !keep_has_something(&c->trial))
        return true;
    json_t *document = trial_document(&c->trial, complete);
    const bool good  = document && json_dump_file(document, o->json, JSON_INDENT(1)) == 0;
    if (!good)
        text_say("cannot write %s: %s", o->json, strerrordesc_np(errno));
    json_decref(document);
    return good;
}

/* Saves all, lets the judge speak, and returns the exit code. */
static int finish(struct comparison *c) {
    const struct try_options *o = c->options;
    const char *directory       = c->keep.results.directory;
    const bool complete         = !spawn_interrupted();
    const size_t runs           = json_array_size(c->trial.runs);
    char problem[RESULTS_PROBLEM_BYTES];
    bool good = keep_close(&c->keep, &c->trial, complete) && copy_document(c, complete);
    if (!complete) {
        text_say("%s; %zu runs are finished%s%s", strsignal(spawn_interrupted()), runs,
                 runs && good ? " and saved in " : "",
                 runs && good ? directory : "; nothing is saved");
        return EXIT_WRONG_USE;
    }
    if (good && !results_tell(&c->keep.results, o->common.directory_to, problem, sizeof problem)) {
        text_say("%s", problem);
        good = false;
    }
    const char *const words[] = {directory, NULL};
    if (good && !o->quiet && script_run(c->judge, words, false) != EXIT_GOOD)
        good = false;
    if (good)
        text_say("%zu run%s of %zu row%s: %s/program.json", runs, text_plural(runs),
                 c->trial.lineup.rows, text_plural(c->trial.lineup.rows), directory);
    size_t failed = 0;
    for (size_t i = 0; i < c->trial.lineup.rows; i++)
        failed += *c->trial.lineup.row[i].cause && !c->trial.lineup.row[i].absent;
    return !good || c->unstartable ? EXIT_WRONG_USE : failed ? EXIT_FINDING : EXIT_GOOD;
}

static int compare(struct comparison *c, const struct registry *r, const bool *chosen) {
    const struct try_options *o = c->options;
    c->trial.options            = o;
    int code                    = EXIT_WRONG_USE;
    const bool ready            = lineup_open(&c->trial.lineup, o, r, chosen) && make_plan(c);
    const size_t rows           = c->trial.lineup.rows;
    if (ready && !lineup_left(&c->trial.lineup))
        text_say("no allocator is left to try; see 'spanbench list'");
    else if (ready && trial_open(&c->trial) &&
             keep_open(&c->keep, o, rows, rows * (o->runs ? o->runs : RESERVED_RUNS))) {
        memory_limit_open(&c->limit, o->limit_bytes);
        comparison_look(c);
        comparison_run(c);
        smallest_find(c);
        memory_limit_close(&c->limit);
        code = finish(c);
    }
    trial_close(&c->trial);
    lineup_close(&c->trial.lineup);
    plan_free(&c->plan);
    free(c->known);
    return code;
}

int try_command(int argc, char **argv) {
    static struct try_options options;
    static struct comparison comparison;
    struct registry registry = {0};
    bool *chosen             = NULL;
    int code                 = try_options_parse(argc, argv, &options);
    if (code >= 0)
        return code;
    code                     = EXIT_WRONG_USE;
    comparison.options       = &options;
    struct options describe  = options.common;
    describe.timeout_seconds = DEFAULT_TIMEOUT;
    if (find_program(&comparison) &&
        script_find("scripts/verdicts/try_verdict.py", comparison.judge, sizeof comparison.judge) &&
        selection_open(&describe, &registry, &chosen) && !spawn_interrupted()) {
        code = compare(&comparison, &registry, chosen);
        if (!spawn_interrupted())
            code = selection_exit_code(&describe, &registry, "tried", code);
    }
    free(chosen);
    registry_close(&registry);
    return code;
}
