#include "benchmark_options.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool truthy(const char *value) {
    static const char *const yes[] = {"", "=1", "=t", "=true", "=y", "=yes", "=on"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(value, yes[i]) == 0)
            return true;
    return false;
}

/* The filter matches what the library calls a benchmark, which ends in the marks of its timing; a
 * filter that ends in $ means the name as the user knows it. */
static char *adapt_filter(char *option) {
    static const char marks[] = "(/iterations:1/manual_time)?$";
    const size_t length       = strlen(option);
    char *adapted;
    if (length == 0 || option[length - 1] != '$' ||
        asprintf(&adapted, "%.*s%s", (int)length - 1, option, marks) < 0)
        return option;
    return adapted;
}

/* Can the file be written? Google Benchmark would end the process in the middle of the run. */
static bool can_write(const char *path) {
    FILE *f = fopen(path, "ae");
    if (f)
        fclose(f);
    else
        text_say("cannot write %s: %s", path, strerrordesc_np(errno));
    return f != NULL;
}

/* Takes one --benchmark_ option. The others of the library would undo what the plan promises, or
 * have no effect here. */
static bool take_benchmark_option(char *option, struct options *o) {
    char *value              = option + strcspn(option, "=");
    const size_t length      = (size_t)(value - option);
    const char *name         = option + strlen("--benchmark_");
    const size_t name_length = length - strlen("--benchmark_");
#define IS_OPTION(text) (name_length == strlen(text) && strncmp(name, text, name_length) == 0)
    if (IS_OPTION("list_tests")) {
        o->list_only = truthy(value);
        return true;
    }
    if (IS_OPTION("filter") && *value)
        option = adapt_filter(option);
    else if (IS_OPTION("out") && *value && can_write(value + 1))
        o->one_session = true;
    else if (IS_OPTION("out") && *value)
        return false;
    else if (!(IS_OPTION("context") && *value) &&
             !(IS_OPTION("out_format") &&
               (strcmp(value, "=json") == 0 || strcmp(value, "=csv") == 0 ||
                strcmp(value, "=console") == 0))) {
        text_say(
            "'%s' is not handed to Google Benchmark; these are: "
            "--benchmark_filter=, _list_tests, _out=, _out_format=json|csv|console, _context=; "
            "for more samples, use --repetitions",
            option);
        return false;
    }
#undef IS_OPTION
    o->benchmark_argv[o->benchmark_argc++] = option;
    return true;
}

bool benchmark_options_take(int *argc, char **argv, struct options *o) {
    o->benchmark_argv = calloc((size_t)*argc + 2, sizeof *o->benchmark_argv);
    if (!o->benchmark_argv)
        return false;
    static char program[]                  = "spanbench";
    static char list_tests[]               = "--benchmark_list_tests";
    o->benchmark_argv[o->benchmark_argc++] = program;
    int kept                               = 1;
    for (int i = 1; i < *argc; i++)
        if (strncmp(argv[i], "--benchmark_", strlen("--benchmark_")) != 0)
            argv[kept++] = argv[i];
        else if (!take_benchmark_option(argv[i], o))
            return false;
    if (o->list_only)
        o->benchmark_argv[o->benchmark_argc++] = list_tests;
    *argc      = kept;
    argv[kept] = NULL;
    return true;
}
