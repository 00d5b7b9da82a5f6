/* What `spanbench help` prints, and --help behind a command. */
#include "options.h"

static void print_commands(FILE *to, unsigned of) {
    static const struct {
        unsigned command;
        const char *text;
    } lines[] = {
        {OF_RUN, "[run] [options]    measure allocators, write results/latest/bench.json"},
        {OF_CHECK, "check [options]    conformance: each promise of malloc on each allocator"},
        {OF_HARDEN, "harden [options]   what each allocator makes of misuses: a matrix"},
        {OF_HELP, "gate [options]     is one library worse than another? see gate --help"},
        {OF_LIST, "list               what can be measured, and what cannot and why"},
        {OF_DESCRIBE, "describe [NAME …]  the object file behind each function, as JSON"},
        {OF_HELP, "help [COMMAND]     all of this, or a command's; so does COMMAND --help"},
        {OF_VERSION, "version            the version of spanbench; so does --version"},
    };
    const char *head = "usage:";
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (of & lines[i].command) {
            fprintf(to, "%-6s spanbench %s\n", head, lines[i].text);
            head = "";
        }
}

static void print_common(FILE *to, unsigned of) {
    fputs("options:\n"
          "  --allocators LIST    names, separated by commas or blanks (default: all)\n"
          "  --preload FILE       also this library's malloc; NAME=FILE names the row\n",
          to);
    if (of & OF_WORKS)
        fputs("  --seed N             of the requests and of the order of samples (default: 1)\n"
              "  --out DIR            results go to DIR/<time>-<host>/ (default: results)\n",
              to);
    fprintf(to,
            "  --timeout SECONDS    for one process (default: %d; of check: %d; of harden: %d)\n"
            "  --cells DIR          where the cells are (default: cell/ beside this program)\n",
            DEFAULT_TIMEOUT, CHECK_TIMEOUT, HARDEN_TIMEOUT);
}

static void print_run(FILE *to) {
    fprintf(to,
            "options of run:\n"
            "  --workloads LIST     names, likewise\n"
            "  --threads LIST       thread counts, 1 to %d (default: 1,2,4 and on to the CPUs)\n"
            "  --repetitions N      samples of each row, one in each block (default: %d; quick: "
            "%d)\n"
            "  --order ORDER        of the rows in a block: shuffled (default), or mirrored: each "
            "row\n"
            "                       twice, an order and its reverse, against drift\n"
            "  --quick              a quarter of the work and fewer repetitions, under a minute\n"
            "  --brief              a part of the work (of gomalloc a few milliseconds, of others\n"
            "                       more): to compare many samples side by side\n"
            "  --no-timeline        leave out the passes that sample memory over time\n"
            "  --directory-to FILE  write the path of the run's directory there, for scripts\n"
            "  --benchmark_filter=REGEX, --benchmark_list_tests, --benchmark_out=FILE,\n"
            "  --benchmark_out_format=json|csv|console, --benchmark_context=KEY=VALUE\n"
            "                       handed to Google Benchmark\n",
            OPTIONS_MAX_THREADS, DEFAULT_REPETITIONS, QUICK_REPETITIONS);
}

static void print_check(FILE *to) {
    fputs(
        "options of check:\n"
        "  --checks GLOBS       those whose names match, for instance 'realloc.*' (default: all)\n"
        "  --profile NAME       c17, c23, posix2024, glibc or cxx17: what counts (default: what "
        "any\n"
        "                       standard requires)\n"
        "  --list-checks        print their names, classes and promises, and run none\n"
        "  --tap                print TAP 13 instead of the matrix\n"
        "  --verbose            print each verdict, and the steps that failing checks tell\n"
        "  --known FILE         failures that are known (default: known-failures.json beside\n"
        "                       this program)\n"
        "  --directory-to FILE  write the path of the run's directory there, for scripts\n",
        to);
}

static void print_harden(FILE *to) {
    fprintf(to,
            "options of harden:\n"
            "  --misuses GLOBS      those whose names match, for instance 'double_free.*'\n"
            "  --sizes LIST         tiny, small, large (default: all)\n"
            "  --runs K             of each, with K seeds (default: %d)\n"
            "  --list-misuses       print their names, weaknesses and what they do, and run none\n"
            "  --verbose            print each run, and how to repeat it\n",
            DEFAULT_RUNS);
}

static void print_examples(FILE *to, unsigned of) {
    if (of & OF_WORKS)
        fputs("examples:\n", to);
    if (of & OF_RUN)
        fputs("  spanbench --quick\n"
              "  spanbench --allocators mimalloc,jemalloc --workloads small --threads 1,2\n"
              "  spanbench --quick --preload ./libfoo.so\n"
              "  spanbench --benchmark_filter='^large/' --repetitions 20\n",
              to);
    if (of & OF_CHECK)
        fputs("  spanbench check --preload ./libfoo.so --checks 'fork.*,limits.*'\n", to);
    if (of & OF_HARDEN)
        fputs("  spanbench harden --misuses 'double_free.*' --runs 20 --preload ./libfoo.so\n", to);
}

void options_usage(FILE *to, unsigned of) {
    of = of & OF_ASKS ? of : OF_ANY;
    print_commands(to, of);
    print_common(to, of);
    if (of & OF_RUN)
        print_run(to);
    if (of & OF_CHECK)
        print_check(to);
    if (of & OF_HARDEN)
        print_harden(to);
    print_examples(to, of);
    fputs("exit code: 0 good; 1 a sample failed, or check, harden or gate found something; 2 wrong "
          "use\n"
          "           or environment, or an allocator named to check or harden is not there;\n"
          "           128 + signal\n",
          to);
}
