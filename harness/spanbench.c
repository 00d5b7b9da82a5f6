/* The driver: spanbench run, check, harden, who, gate, table, plot, report, list, describe. See
 * options.c for its words. */
#include "bench.h"
#include "check.h"
#include "context.h"
#include "exec_script.h"
#include "exit_code.h"
#include "guard.h"
#include "harden.h"
#include "needs.h"
#include "options.h"
#include "output.h"
#include "registry.h"
#include "selection.h"
#include "spawn.h"
#include "text.h"
#include "try.h"
#include "who.h"
#include "why.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_line(const struct cell *c) {
    if (*c->skipped)
        printf("  %-16s skipped: %s\n", c->name, c->skipped);
    else if (*c->broken)
        printf("  %-16s BROKEN: %s\n", c->name, c->broken);
    else
        printf("  %-16s %-20.20s %s%s\n", c->name, cell_fact(c, "version"), cell_fact(c, "object"),
               c->floor ? "  (not an allocator: the cost of the harness alone)" : "");
}

static void print_workload(const struct workload_info *w) {
    printf("  %-22s %-8s %s\n", w->name, w->group, w->summary);
}

/* The workloads by their groups, and what each is for. */
static int list_workloads(const struct registry *r) {
    for (size_t i = 0; i < r->workloads; i++) {
        bool first = true;
        for (size_t j = 0; j < i; j++)
            first &= strcmp(r->workload[j].group, r->workload[i].group) != 0;
        for (size_t j = i; first && j < r->workloads; j++) {
            if (strcmp(r->workload[j].group, r->workload[i].group) != 0)
                continue;
            print_workload(&r->workload[j]);
            if (*r->workload[j].stresses)
                printf("  %-22s %-8s stresses %s\n", "", "", r->workload[j].stresses);
        }
    }
    return EXIT_GOOD;
}

static int list(const struct registry *r, const bool *chosen) {
    int code = EXIT_GOOD;
    printf("allocators:\n");
    for (size_t i = 0; i < r->cells; i++) {
        if (chosen[i])
            print_line(&r->cell[i]);
        if (*r->cell[i].broken)
            code = EXIT_FINDING;
    }
    printf("workloads:\n");
    for (size_t i = 0; i < r->workloads; i++)
        print_workload(&r->workload[i]);
    return code;
}

static int describe(const struct registry *r, const bool *chosen) {
    int code    = EXIT_GOOD;
    json_t *all = json_object();
    for (size_t i = 0; i < r->cells; i++) {
        const struct cell *c = &r->cell[i];
        if (!chosen[i])
            continue;
        if (*c->skipped)
            json_object_set_new(all, c->name, json_pack("{s:s}", "skipped", c->skipped));
        else if (*c->broken)
            json_object_set_new(all, c->name, json_pack("{s:s}", "broken", c->broken));
        else
            json_object_set(all, c->name, c->description);
        if (*c->broken)
            code = EXIT_FINDING;
    }
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(all);
    return code;
}

/* Files that this process opens must not become its standard output. One that was closed stays one
 * that nothing can be written to: what a run prints would be lost, and nobody told. */
static void hold_standard_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) /* the lowest that is free is opened */
        if (fcntl(fd, F_GETFD) == -1)
            (void)!open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
}

/* LD_PRELOAD is a list, split at blanks and colons. */
static void suggest_preloads(const char *libraries) {
    static char words[2 * PATH_MAX];
    for (const char *s = libraries; *s; s += strspn(s, " :")) {
        char path[PATH_MAX];
        const size_t length = strcspn(s, " :");
        snprintf(path, sizeof path, "%.*s", (int)length, s);
        s += length;
        if (!length)
            continue;
        strncat(words, " --preload ", sizeof words - strlen(words) - 1);
        text_add_word(words, sizeof words, path);
    }
    if (*words)
        text_say("LD_PRELOAD is ignored; use%s instead", words);
}

/* Google Benchmark takes options from variables BENCHMARK_…, before main begins; they would change
 * the plan behind its back. Starts this program again without them. */
static void drop_benchmark_environment(char **argv) {
    bool found = false;
    for (char **v = environ; *v;) {
        if (strncmp(*v, "BENCHMARK_", strlen("BENCHMARK_")) != 0) {
            v++;
            continue;
        }
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*v, "="), *v);
        text_say("%s is ignored; use the --benchmark_ options instead", name);
        unsetenv(name);
        found = true;
        v     = environ;
    }
    const char *preload = getenv("LD_PRELOAD");
    if (preload && *preload)
        suggest_preloads(preload);
    unsetenv("POSIXLY_CORRECT"); /* options may stand behind the command */
    if (found)
        execv("/proc/self/exe", argv);
}

/* Standard output may have been full or closed. */
static int finish_output(int code) {
    const int error = output_error();
    if (!error)
        return code;
    text_say("cannot write the output: %s", output_describe(error));
    return EXIT_WRONG_USE;
}

/* Of a list, the reader may have seen enough. */
static int finish_list(int code) {
    return output_error() == EPIPE ? code : finish_output(code);
}

static int list_or_describe(const struct options *o) {
    struct registry registry = {0};
    bool *chosen             = NULL;
    int code                 = EXIT_WRONG_USE;
    if (selection_open(o, &registry, &chosen))
        code = spawn_interrupted()          ? EXIT_SIGNALLED
               : o->list_names              ? list_workloads(&registry)
               : o->command == COMMAND_LIST ? list(&registry, chosen)
                                            : describe(&registry, chosen);
    if (spawn_interrupted())
        fputs("spanbench: interrupted\n", stderr);
    free(chosen);
    registry_close(&registry);
    return finish_list(code);
}

static int carry_out(const struct options *o) {
    switch (o->command) {
    case COMMAND_RUN: return bench_command(o);
    case COMMAND_CHECK: return o->list_names ? finish_list(check_command(o)) : check_command(o);
    case COMMAND_HARDEN: return finish_output(harden_command(o));
    default: return list_or_describe(o);
    }
}

/* What a command cannot do without. */
static bool has_needs(const struct options *o) {
    const unsigned command = 1u << o->command;
    return (!(command & OF_ASKS) || needs_proc()) && (!(command & OF_WORKS) || needs_sys());
}

static int ended(int code) {
    const int signal = spawn_interrupted();
    return signal ? EXIT_SIGNALLED + signal : code;
}

/* Its words are its own: behind them stands a program with words of any kind. */
static int try_and_end(int argc, char **argv) {
    if (!needs_proc())
        return EXIT_WRONG_USE;
    spawn_prepare();
    guard_enter();
    return ended(finish_output(try_command(argc, argv)));
}

/* The program keeps LD_PRELOAD, too: the counter comes before it. */
static int why_and_end(int argc, char **argv) {
    if (!needs_proc())
        return EXIT_WRONG_USE;
    spawn_prepare();
    guard_enter();
    return ended(finish_output(why_command(argc, argv)));
}

/* Who types the name alone wants to know what there is, and not to wait for minutes. */
static int want_command(void) {
    options_usage(stderr, 0);
    text_say("which command? 'spanbench run --quick' measures, in under a minute");
    return EXIT_WRONG_USE;
}

/* Apart from main, whose frame must fit on any stack. */
__attribute__((noinline)) static int run(int argc, char **argv) {
    static struct options options;
    hold_standard_descriptors();
    if (argc <= 1)
        return want_command();
    if (options_script(argv[1]))
        return script_exec(argv[1], argv + 2);
    if (strcmp(argv[1], "who") == 0)
        return finish_output(who_command(argc - 1, argv + 1));
    if (argc > 2 && strcmp(argv[1], "help") == 0 && strcmp(argv[2], "who") == 0)
        return finish_output(who_command(2, (char *[]){argv[2], (char[]){"--help"}, NULL}));
    if (strcmp(argv[1], "why") == 0)
        return why_and_end(argc - 1, argv + 1);
    if (argc == 3 && strcmp(argv[1], "help") == 0 && strcmp(argv[2], "why") == 0) {
        static char help[] = "--help";
        return why_and_end(2, (char *[]){argv[2], help, NULL});
    }
    drop_benchmark_environment(argv);
    if (strcmp(argv[1], "try") == 0)
        return try_and_end(argc - 1, argv + 1);
    if (argc == 3 && strcmp(argv[1], "help") == 0 && strcmp(argv[2], "try") == 0) {
        static char help[] = "--help";
        return try_and_end(2, (char *[]){argv[2], help, NULL});
    }
    if (!options_parse(argc, argv, &options))
        return EXIT_WRONG_USE;
    if (options.command == COMMAND_HELP && options.help_script) {
        static char help[] = "--help";
        return script_exec(options.help_script, (char *[]){help, NULL});
    }
    if (options.command == COMMAND_HELP) {
        options_usage(stdout, options.help_of);
        return finish_output(EXIT_GOOD);
    }
    if (options.command == COMMAND_VERSION) {
        printf("spanbench %s\n", context_version());
        return finish_output(EXIT_GOOD);
    }
    if (!has_needs(&options))
        return EXIT_WRONG_USE;
    spawn_prepare();
    return ended(carry_out(&options));
}

int main(int argc, char **argv) {
    return needs_stack() ? run(argc, argv) : EXIT_WRONG_USE;
}
