#include "why_options.h"

#include "context.h"
#include "exit_code.h"
#include "text.h"

#include <getopt.h>
#include <string.h>

enum {
    ALLOCATOR,
    PRELOAD,
    INTERVAL,
    SECONDS,
    OUT,
    DIRECTORY_TO,
    JSON,
    QUIET,
    CELLS,
    HELP,
    VERSION
};

static const struct option words[] = {
    {"allocator", required_argument, NULL, ALLOCATOR},
    {"preload", required_argument, NULL, PRELOAD},
    {"interval", required_argument, NULL, INTERVAL},
    {"seconds", required_argument, NULL, SECONDS},
    {"out", required_argument, NULL, OUT},
    {"directory-to", required_argument, NULL, DIRECTORY_TO},
    {"json", no_argument, NULL, JSON},
    {"quiet", no_argument, NULL, QUIET},
    {"cells", required_argument, NULL, CELLS},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {0},
};

static void print_usage(void) {
    fputs(
        "usage: spanbench why [options] -- PROGRAM ARGUMENT…\n"
        "Is it a leak, fragmentation, or memory that the allocator keeps? Runs your program with "
        "a\n"
        "counter in front of its malloc, watches its memory from outside, and answers in one\n"
        "sentence, with a table and a picture. Results go to DIR/<time>-<host>/why.json.\n"
        "options:\n"
        "  --allocator NAME     run it under this allocator (see spanbench list); default: its "
        "own\n"
        "  --preload FILE       or under this malloc library\n"
        "  --interval SECONDS   at least so long between two looks (default: as short as they\n"
        "                       are cheap, from 10 ms on)\n"
        "  --seconds N          watch for so long, then end the program (default: to its end)\n"
        "  --out DIR            write results to DIR/<time>-<host>/ (default: results)\n"
        "  --directory-to FILE  write the path of the results there, for scripts\n"
        "  --json               print why.json in place of the answer; what the program prints\n"
        "                       goes to standard error\n"
        "  --quiet              no answer\n"
        "  --cells DIR          where the cells are (default: cell/ beside this program)\n"
        "examples:\n"
        "  spanbench why -- ./program its arguments\n"
        "  spanbench why --seconds 60 -- redis-server --port 7777\n"
        "  spanbench why --allocator jemalloc -- python3 script.py\n"
        "A process that runs already cannot be asked: the counter must be there from its start.\n"
        "exit code: 0 there is an answer; 1 the program failed, or could not be counted; 2 wrong\n"
        "           use or environment; 128 + signal\n",
        stdout);
}

static bool take(int c, struct why_options *o) {
    switch (c) {
    case ALLOCATOR: return option_names("allocator", optarg, &o->common.allocators);
    case PRELOAD: return option_add_name("preload", &o->common.preloads, optarg);
    case INTERVAL: return option_seconds("interval", optarg, &o->interval_seconds);
    case SECONDS: return option_seconds("seconds", optarg, &o->seconds);
    case OUT:
        o->common.out = optarg;
        return *optarg || option_complain("out", "a directory", optarg);
    case DIRECTORY_TO: o->common.directory_to = optarg; return true;
    case JSON: o->json = true; return true;
    case QUIET: o->quiet = true; return true;
    case CELLS: snprintf(o->common.cells, sizeof o->common.cells, "%s", optarg); return true;
    case HELP:
    case VERSION: return true;
    default:
        fputs("spanbench: why --help lists all options; what belongs to the program stands behind "
              "--\n",
              stderr);
        return false;
    }
}

static const char *wrong(const struct why_options *o) {
    if (!*o->program)
        return "which program? spanbench why [options] -- PROGRAM ARGUMENT…";
    if ((*o->program)[strspn(*o->program, "0123456789")] == '\0')
        return "a process that runs already cannot be asked: the counter must be there from its "
               "start. Start the program anew: spanbench why -- PROGRAM ARGUMENT…";
    if (o->common.allocators.count + o->common.preloads.count > 1)
        return "one allocator at a time: --allocator NAME or --preload FILE, once";
    return NULL;
}

int why_options_parse(int argc, char **argv, struct why_options *o) {
    *o = (struct why_options){0};
    options_defaults(&o->common);
    optind = 1;
    /* "+": words behind the program's name are its own, also without -- */
    for (int c; (c = getopt_long(argc, argv, "+", words, NULL)) != -1;) {
        if (c == HELP) {
            print_usage();
            return EXIT_GOOD;
        }
        if (c == VERSION) {
            printf("spanbench %s\n", context_version());
            return EXIT_GOOD;
        }
        if (!take(c, o))
            return EXIT_WRONG_USE;
    }
    o->program          = argv + optind;
    const char *problem = wrong(o);
    if (!problem)
        return -1;
    text_say("%s (why --help)", problem);
    return EXIT_WRONG_USE;
}
