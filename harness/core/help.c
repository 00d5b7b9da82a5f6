/* What `spanbench help` prints, and --help behind a command. */
#include "options.h"

static void print_commands(FILE *to, unsigned of) {
    static const struct {
        unsigned command;
        const char *text;
    } lines[] = {
        {OF_RUN, "run [options]      measure the speed and memory of allocators"},
        {OF_CHECK, "check [options]    test every promise of malloc on each allocator"},
        {OF_HARDEN, "harden [options]   misuse each allocator and see what it catches"},
        {OF_HELP, "try -- PROGRAM …   your program under each allocator (see try --help)"},
        {OF_HELP, "why -- PROGRAM …   a leak, fragmentation, or kept? (see why --help)"},
        {OF_HELP, "gate [options]     is one library worse than another? (see gate --help)"},
        {OF_HELP, "who PID | who -- PROGRAM   which allocator serves it? (see who --help)"},
        {OF_HELP, "table [RUN]        print a run as a table (see table --help)"},
        {OF_HELP, "plot [RUN]         draw a run (see plot --help)"},
        {OF_HELP, "report [RUN]       make the page of a run (see report --help)"},
        {OF_LIST, "list               what can be measured, what cannot, and why"},
        {OF_DESCRIBE, "describe [NAME …]  the file that each function comes from, as JSON"},
        {OF_HELP, "help [COMMAND]     print this, or one command's part; so does COMMAND --help"},
        {OF_VERSION, "version            print the version; so does --version"},
    };
    const char *head = "usage:";
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (of & lines[i].command) {
            fprintf(to, "%-6s spanbench %s\n", head, lines[i].text);
            head = "";
        }
}

static void print_common(FILE *to, unsigned of) {
    fputs(
        "options:\n"
        "  --allocators LIST    names, separated by commas or blanks (default: all); also with an\n"
        "                       option: system:MALLOC_ARENA_MAX=2, jemalloc:dirty_decay_ms=0\n"
        "  --preload FILE       also measure this library's malloc; NAME=FILE gives it a name\n"
        "  --rivals             also the newer builds that 'make rivals' fetched\n",
        to);
    if (of & OF_WORKS)
        fputs("  --seed N             seed of the first requests, and of the order of samples\n"
              "                       (default: 1); each round of run and harden adds one\n"
              "  --out DIR            write results to DIR/<time>-<host>/ (default: results)\n",
              to);
    fprintf(
        to,
        "  --timeout SECONDS    time limit of a process (default: %d; for check %d, for harden "
        "%d)\n"
        "  --cells DIR          where the cells are, the programs that hold one allocator each\n"
        "                       (default: cell/ beside this program)\n",
        DEFAULT_TIMEOUT, CHECK_TIMEOUT, HARDEN_TIMEOUT);
}

static void print_run(FILE *to) {
    fprintf(
        to,
        "options of run:\n"
        "  --workloads LIST     names of workloads or groups (default: core)\n"
        "  --group LIST         groups of workloads: core, threads, ... or all\n"
        "  --list-workloads     print the workloads, their groups, and what they stress\n"
        "  --threads LIST       thread counts, 1 to %d (default: 1,2,4 and on to the CPUs; "
        "outside\n"
        "                       of core 1,2; with --quick only 2)\n"
        "  --repetitions N      rounds; each takes one sample of every benchmark (default: %d;\n"
        "                       with --group %d; with --quick %d or %d)\n"
        "  --rounds FIRST..LAST run these of the rounds alone, each as in the whole run; the "
        "first\n"
        "                       is 0 (other machines may run the others)\n"
        "  --order ORDER        of the samples in a round: shuffled (default), or mirrored, an\n"
        "                       order and its reverse, so that slow drift cancels out\n"
        "  --one-seed           the same requests in all rounds: less spread, of one draw alone\n"
        "  --quick              a quarter of the work and fewer repetitions, under a minute\n"
        "  --brief              very little work (a few milliseconds of gomalloc's, more of\n"
        "                       others'), to compare many short samples\n"
        "  --sizes WHICH        sizes of the requests, for the workload sizes, which is then the\n"
        "                       default: a FILE with a size, or a size and its count, in each\n"
        "                       line; or lognormal:MEDIAN,SIGMA[,MIN,MAX]\n"
        "  --thp MODE           transparent huge pages: never, madvise or always, as far as the\n"
        "                       kernel can give that to a process (default: as they are)\n"
        "  --long-rest SECONDS  of the group memory, once for each allocator: read the memory "
        "again\n"
        "                       so long after the end, and after a purge (60: a kernel that makes\n"
        "                       huge pages fills holes); the processes sleep side by side\n"
        "  --no-timeline        do not record memory over time\n"
        "  --verbose            print each sample, and each failure\n"
        "  --directory-to FILE  write the path of the results there, for scripts\n"
        "  --benchmark_filter=REGEX, --benchmark_list_tests, --benchmark_out=FILE,\n"
        "  --benchmark_out_format=json|csv|console, --benchmark_context=KEY=VALUE\n"
        "                       handed to Google Benchmark\n",
        OPTIONS_MAX_THREADS, DEFAULT_REPETITIONS, GROUP_REPETITIONS, QUICK_REPETITIONS,
        QUICK_GROUP_REPETITIONS);
}

static void print_check(FILE *to) {
    fputs("options of check:\n"
          "  --checks GLOBS       checks whose names match, such as 'realloc.*' (default: all)\n"
          "  --profile NAME       c17, c23, posix2024, glibc or cxx17: check what it promises\n"
          "                       (default: all; what any standard requires counts)\n"
          "  --whole              try all inputs that checks generate, not a sample by the seed\n"
          "  --list-checks        print their names, classes and promises; run nothing\n"
          "  --tap                print TAP 13 instead of the table\n"
          "  --verbose            print each result, and the steps of failed checks\n"
          "  --known FILE         known failures (default: known-failures.json beside this\n"
          "                       program)\n"
          "  --directory-to FILE  write the path of the results there, for scripts\n",
          to);
}

static void print_harden(FILE *to) {
    fprintf(to,
            "options of harden:\n"
            "  --misuses GLOBS      misuses whose names match, such as 'double_free.*'\n"
            "  --sizes LIST         sizes of blocks: tiny, small, large (default: all)\n"
            "  --runs K             run each misuse K times, with K seeds (default: %d)\n"
            "  --list-misuses       print their names, weaknesses and what they do; run nothing\n"
            "  --verbose            print each run, and how to repeat it\n"
            "  --directory-to FILE  write the path of the results there, for scripts\n",
            DEFAULT_RUNS);
}

static void print_examples(FILE *to, unsigned of) {
    if (of & OF_WORKS)
        fputs("examples:\n", to);
    if (of & OF_RUN)
        fputs("  spanbench --quick\n"
              "  spanbench --quick --rivals\n"
              "  spanbench --allocators mimalloc,jemalloc --workloads small --threads 1,2\n"
              "  spanbench --quick --group threads\n"
              "  spanbench --group memory --long-rest 60\n"
              "  spanbench --quick --sizes lognormal:100,1.5,8,65536\n"
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
          "           or environment, or an allocator that you named is not here; 128 + signal\n",
          to);
}
