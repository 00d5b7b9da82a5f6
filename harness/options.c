#include "options.h"

#include "machine.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_REPETITIONS = 9, QUICK_REPETITIONS = 3 };
/* Of a check: several times what the longest takes where others have most of the processors. */
enum { DEFAULT_TIMEOUT = 60, CHECK_TIMEOUT = 180, HARDEN_TIMEOUT = 10 };
enum { DEFAULT_RUNS = 5 };

const char *const options_profiles[] = {"all", "c17", "c23", "posix2024", "glibc", "cxx17", NULL};
const char *const options_sizes[]    = {"tiny", "small", "large", NULL};

void options_usage(FILE *to) {
    fprintf(
        to,
        "usage: spanbench [run] [options]    measure allocators, write results/latest/bench.json\n"
        "       spanbench check [options]    conformance: each promise of malloc on each "
        "allocator\n"
        "       spanbench harden [options]   what each allocator makes of misuses: a matrix\n"
        "       spanbench gate [options]     is one library worse than another? see gate --help\n"
        "       spanbench list               what can be measured, and what cannot and why\n"
        "       spanbench describe [NAME …]  the object file behind each function, as JSON\n"
        "       spanbench help\n"
        "options:\n"
        "  --allocators LIST    names, separated by commas or blanks (default: all)\n"
        "  --workloads LIST     likewise\n"
        "  --threads LIST       thread counts, 1 to %d (default: 1,2,4 and on to the CPUs)\n"
        "  --preload FILE       also measure this library's malloc; NAME=FILE names the row\n"
        "  --repetitions N      samples of each row, one in each block (default: %d; quick: %d)\n"
        "  --order ORDER        of the rows in a block: shuffled (default), or mirrored: each row\n"
        "                       twice, an order and its reverse, against drift\n"
        "  --seed N             of the requests and of the order of samples (default: 1)\n"
        "  --quick              a quarter of the work and fewer repetitions, under a minute\n"
        "  --no-timeline        leave out the passes that sample memory over time\n"
        "  --timeout SECONDS    for one sample (default: %d; of check: %d; of harden: %d)\n"
        "  --out DIR            results go to DIR/<time>-<host>/ (default: results)\n"
        "  --directory-to FILE  write the path of the run's directory there, for scripts\n"
        "  --cells DIR          where the cells are (default: cell/ beside this program)\n"
        "options of check (and --allocators, --preload, --seed, --timeout, --out, --cells):\n"
        "  --checks GLOBS       those whose names match, for instance 'realloc.*' (default: all)\n"
        "  --profile NAME       c17, c23, posix2024, glibc or cxx17: what counts (default: what "
        "any\n"
        "                       standard requires)\n"
        "  --tap                print TAP 13 instead of the matrix\n"
        "  --verbose            print each verdict, and the steps that failing checks tell\n"
        "  --known FILE         failures that are known (default: known-failures.json beside\n"
        "                       this program)\n"
        "options of harden (and --allocators, --preload, --seed, --timeout, --out, --cells):\n"
        "  --misuses GLOBS      those whose names match, for instance 'double_free.*'\n"
        "  --sizes LIST         tiny, small, large (default: all)\n"
        "  --runs K             of each, with K seeds (default: %d)\n"
        "  --verbose            print each run, and how to repeat it\n"
        "options of run, for Google Benchmark:\n"
        "  --benchmark_filter=REGEX, --benchmark_list_tests, --benchmark_out=FILE,\n"
        "  --benchmark_out_format=json|csv|console, --benchmark_context=KEY=VALUE\n"
        "                       handed to Google Benchmark\n"
        "examples:\n"
        "  spanbench --quick\n"
        "  spanbench --allocators mimalloc,jemalloc --workloads small --threads 1,2\n"
        "  spanbench --quick --preload ./libfoo.so\n"
        "  spanbench --benchmark_filter='^large/' --repetitions 20\n"
        "  spanbench check --preload ./libfoo.so --checks 'fork.*,limits.*'\n"
        "  spanbench harden --misuses 'double_free.*' --runs 20 --preload ./libfoo.so\n"
        "exit code: 0 all samples are good, 1 one failed, 2 wrong use or environment, 128 + "
        "signal\n",
        OPTIONS_MAX_THREADS, DEFAULT_REPETITIONS, QUICK_REPETITIONS, DEFAULT_TIMEOUT, CHECK_TIMEOUT,
        HARDEN_TIMEOUT, DEFAULT_RUNS);
}

bool options_match(const struct names *globs, const char *name) {
    bool matches = !globs->count;
    for (size_t i = 0; i < globs->count; i++)
        matches |= fnmatch(globs->item[i], name, 0) == 0;
    return matches;
}

static bool complain(const char *option, const char *what, const char *text) {
    fprintf(stderr, "spanbench: --%s takes %s, not '%s'\n", option, what, text);
    return false;
}

static bool parse_number(const char *option, const char *text, uint64_t min, uint64_t max,
                         uint64_t *value) {
    char *end, what[80];
    errno  = 0;
    *value = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !errno && !*end && *value >= min && *value <= max)
        return true;
    snprintf(what, sizeof what, "a whole number from %llu to %llu", (unsigned long long)min,
             (unsigned long long)max);
    return complain(option, what, text);
}

static bool parse_seconds(const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && *value > 0 && *value <= 86400)
        return true;
    return complain("timeout", "seconds, more than 0 and at most 86400", text);
}

static bool parse_order(const char *text, enum plan_order *order) {
    *order = strcmp(text, "mirrored") == 0 ? PLAN_MIRRORED : PLAN_SHUFFLED;
    return *order == PLAN_MIRRORED || strcmp(text, "shuffled") == 0 ||
           complain("order", "shuffled or mirrored", text);
}

static bool add_name(const char *option, struct names *names, const char *name) {
    if (names->count == OPTIONS_MAX_NAMES) {
        fprintf(stderr, "spanbench: --%s: too many names\n", option);
        return false;
    }
    names->item[names->count++] = name;
    return true;
}

/* Splits in place; argv is ours to write to. An empty list is as if the option were not given. */
static bool parse_names(const char *option, char *text, struct names *names) {
    bool good = true;
    for (char *word; good && (word = strsep(&text, ", ")) != NULL;)
        if (*word)
            good = add_name(option, names, word);
    return good;
}

static bool parse_threads(char *text, struct options *o) {
    struct names list = {0};
    if (!parse_names("threads", text, &list))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        uint64_t n;
        if (!parse_number("threads", list.item[i], 1, OPTIONS_MAX_THREADS, &n))
            return false;
        bool known = false;
        for (size_t j = 0; j < o->thread_counts; j++)
            known |= o->threads[j] == n;
        if (known)
            continue;
        if (o->thread_counts == sizeof o->threads / sizeof *o->threads) {
            fprintf(stderr, "spanbench: --threads: too many counts\n");
            return false;
        }
        o->threads[o->thread_counts++] = (unsigned)n;
    }
    return true;
}

static bool parse_profile(const char *text, unsigned *profile) {
    for (*profile = 0; options_profiles[*profile]; ++*profile)
        if (strcmp(options_profiles[*profile], text) == 0)
            return true;
    return complain("profile", "c17, c23, posix2024, glibc, cxx17, or all", text);
}

static bool parse_sizes(char *text, struct names *sizes) {
    bool good = parse_names("sizes", text, sizes);
    for (size_t i = 0; good && i < sizes->count; i++) {
        bool known = false;
        for (unsigned n = 0; options_sizes[n]; n++)
            known |= strcmp(sizes->item[i], options_sizes[n]) == 0;
        good = known || complain("sizes", "tiny, small and large", sizes->item[i]);
    }
    return good;
}

/* 1, 2, 4 and, on a larger machine, on by powers of two to the number of CPUs; quick stops at 4. */
static void default_threads(struct options *o) {
    const unsigned cpus = machine_cpus();
    const unsigned most = o->quick || cpus < 4 ? 4 : cpus;
    for (unsigned n = 1; n <= most && n <= OPTIONS_MAX_THREADS; n *= 2)
        o->threads[o->thread_counts++] = n;
}

static void default_cells(struct options *o) {
    char self[PATH_MAX - 8];
    const ssize_t length          = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    char *slash                   = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    snprintf(o->cells, sizeof o->cells, "%s/cell", self);
    snprintf(o->known, sizeof o->known, "%.*s/known-failures.json", PATH_MAX - 32, self);
}

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
        fprintf(stderr, "spanbench: cannot write %s: %s\n", path, strerrordesc_np(errno));
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
        fprintf(stderr,
                "spanbench: '%s' is not handed to Google Benchmark; there are "
                "--benchmark_filter=, _list_tests, _out=, _out_format=json|csv|console, _context=; "
                "for more samples, use --repetitions\n",
                option);
        return false;
    }
#undef IS_OPTION
    o->benchmark_argv[o->benchmark_argc++] = option;
    return true;
}

/* Moves the --benchmark_ options out of argv. */
static bool take_benchmark_options(int *argc, char **argv, struct options *o) {
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

static bool parse_command(int argc, char **argv, struct options *o) {
    static const char *const name[] = {"run", "list", "describe", "help", "check", "harden"};
    if (optind == argc)
        return true;
    const char *word = argv[optind++];
    size_t i         = 0;
    while (i < sizeof name / sizeof *name && strcmp(name[i], word) != 0)
        i++;
    if (i == sizeof name / sizeof *name) {
        fprintf(stderr,
                "spanbench: no command '%s'; there are run, check, harden, gate, list, "
                "describe, help\n",
                word);
        return false;
    }
    o->command = (enum command)i;
    if (o->command == COMMAND_DESCRIBE)
        while (optind < argc)
            if (!parse_names("describe", argv[optind++], &o->allocators))
                return false;
    if (optind < argc) {
        fprintf(stderr, "spanbench: '%s' takes no argument '%s'\n", word, argv[optind]);
        return false;
    }
    return true;
}

bool options_parse(int argc, char **argv, struct options *o) {
    enum {
        ALLOCATORS,
        WORKLOADS,
        THREADS,
        PRELOAD,
        REPETITIONS,
        ORDER,
        SEED,
        QUICK,
        NO_TIMELINE,
        TIMEOUT,
        OUT,
        DIRECTORY_TO,
        CELLS,
        HELP,
        CHECKS,
        PROFILE,
        TAP,
        VERBOSE,
        KNOWN,
        MISUSES,
        SIZES,
        RUNS
    };
    static const struct option known[] = {
        {"allocators", required_argument, NULL, ALLOCATORS},
        {"workloads", required_argument, NULL, WORKLOADS},
        {"threads", required_argument, NULL, THREADS},
        {"preload", required_argument, NULL, PRELOAD},
        {"repetitions", required_argument, NULL, REPETITIONS},
        {"order", required_argument, NULL, ORDER},
        {"seed", required_argument, NULL, SEED},
        {"quick", no_argument, NULL, QUICK},
        {"no-timeline", no_argument, NULL, NO_TIMELINE},
        {"timeout", required_argument, NULL, TIMEOUT},
        {"out", required_argument, NULL, OUT},
        {"directory-to", required_argument, NULL, DIRECTORY_TO},
        {"cells", required_argument, NULL, CELLS},
        {"help", no_argument, NULL, HELP},
        {"checks", required_argument, NULL, CHECKS},
        {"profile", required_argument, NULL, PROFILE},
        {"tap", no_argument, NULL, TAP},
        {"verbose", no_argument, NULL, VERBOSE},
        {"known", required_argument, NULL, KNOWN},
        {"misuses", required_argument, NULL, MISUSES},
        {"sizes", required_argument, NULL, SIZES},
        {"runs", required_argument, NULL, RUNS},
        {NULL, 0, NULL, 0},
    };
    *o = (struct options){.seed = 1, .runs = DEFAULT_RUNS, .out = "results"};
    default_cells(o);
    if (!take_benchmark_options(&argc, argv, o))
        return false;
    bool good = true;
    for (int c; good && (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        uint64_t n;
        switch (c) {
        case ALLOCATORS: good = parse_names("allocators", optarg, &o->allocators); break;
        case WORKLOADS: good = parse_names("workloads", optarg, &o->workloads); break;
        case THREADS: good = parse_threads(optarg, o); break;
        case PRELOAD: good = !*optarg || add_name("preload", &o->preloads, optarg); break;
        case REPETITIONS:
            good           = parse_number("repetitions", optarg, 1, 1000, &n);
            o->repetitions = (unsigned)n;
            break;
        case ORDER: good = parse_order(optarg, &o->order); break;
        case SEED: good = parse_number("seed", optarg, 0, INT64_MAX, &o->seed); break;
        case QUICK: o->quick = true; break;
        case NO_TIMELINE: o->no_timeline = true; break;
        case TIMEOUT: good = parse_seconds(optarg, &o->timeout_seconds); break;
        case OUT:
            o->out = optarg;
            good   = *optarg || complain("out", "a directory", optarg);
            break;
        case DIRECTORY_TO: o->directory_to = optarg; break;
        case CELLS: snprintf(o->cells, sizeof o->cells, "%s", optarg); break;
        case CHECKS: good = parse_names("checks", optarg, &o->checks); break;
        case PROFILE: good = parse_profile(optarg, &o->profile); break;
        case TAP: o->tap = true; break;
        case VERBOSE: o->verbose = true; break;
        case KNOWN: snprintf(o->known, sizeof o->known, "%s", optarg); break;
        case MISUSES: good = parse_names("misuses", optarg, &o->misuses); break;
        case SIZES: good = parse_sizes(optarg, &o->sizes); break;
        case RUNS:
            good    = parse_number("runs", optarg, 1, 1000, &n);
            o->runs = (unsigned)n;
            break;
        case HELP: o->command = COMMAND_HELP; return true;
        default: options_usage(stderr); return false;
        }
    }
    if (!good || !parse_command(argc, argv, o))
        return false;
    if (!o->thread_counts)
        default_threads(o);
    if (!(o->timeout_seconds > 0))
        o->timeout_seconds = o->command == COMMAND_HARDEN  ? HARDEN_TIMEOUT
                             : o->command == COMMAND_CHECK ? CHECK_TIMEOUT
                                                           : DEFAULT_TIMEOUT;
    if (!o->repetitions)
        o->repetitions = o->quick ? QUICK_REPETITIONS : DEFAULT_REPETITIONS;
    return true;
}
