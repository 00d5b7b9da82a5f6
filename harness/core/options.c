#include "options.h"

#include "benchmark_options.h"
#include "machine.h"
#include "text.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMANDS                                                                                   \
    "run, check, harden, try, who, why, gate, table, plot, report, list, describe, help, version"

static const char *const command_name[] = {
    [COMMAND_RUN] = "run",        [COMMAND_CHECK] = "check",       [COMMAND_HARDEN] = "harden",
    [COMMAND_LIST] = "list",      [COMMAND_DESCRIBE] = "describe", [COMMAND_HELP] = "help",
    [COMMAND_VERSION] = "version"};
enum { COMMANDS_KNOWN = sizeof command_name / sizeof *command_name };

const char *const options_profiles[] = {"all", "c17", "c23", "posix2024", "glibc", "cxx17", NULL};
const char *const options_scripts[]  = {"gate", "table", "plot", "report", NULL};
const char *const options_sizes[]    = {"tiny", "small", "large", NULL};

const char *options_script(const char *word) {
    unsigned i = 0;
    while (options_scripts[i] && strcmp(options_scripts[i], word) != 0)
        i++;
    return options_scripts[i];
}

bool options_match(const struct names *globs, const char *name) {
    bool matches = !globs->count;
    for (size_t i = 0; i < globs->count; i++)
        matches |= fnmatch(globs->item[i], name, 0) == 0;
    return matches;
}

static bool parse_order(const char *text, bool *mirrored) {
    *mirrored = strcmp(text, "mirrored") == 0;
    return *mirrored || strcmp(text, "shuffled") == 0 ||
           option_complain("order", "shuffled or mirrored", text);
}

bool options_seeds_exist(const struct options *o, const char *option, unsigned count) {
    if (o->seed <= (uint64_t)INT64_MAX - (count - 1))
        return true;
    text_say("--seed %llu and --%s %u: the last seed would be above %lld",
             (unsigned long long)o->seed, option, count, (long long)INT64_MAX);
    return false;
}

static bool parse_rounds(const char *text, struct options *o) {
    uint64_t first = 0, last = 0;
    const bool good = option_range("rounds", text, MOST_REPETITIONS - 1, &first, &last);
    o->first_round  = (unsigned)first;
    o->last_round   = (unsigned)last;
    return good;
}

/* Are all rounds that were named among the repetitions? All are run if none was. */
static bool settle_rounds(struct options *o, bool named) {
    if (!named)
        o->last_round = o->repetitions - 1;
    if (o->last_round < o->repetitions)
        return true;
    text_say("--rounds %u..%u, and the rounds are 0 to %u; give more --repetitions", o->first_round,
             o->last_round, o->repetitions - 1);
    return false;
}

static bool parse_threads(char *text, struct options *o) {
    struct names list = {0};
    if (!option_names("threads", text, &list))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        uint64_t n;
        if (!option_number("threads", list.item[i], 1, OPTIONS_MAX_THREADS, &n))
            return false;
        bool known = false;
        for (size_t j = 0; j < o->thread_counts; j++)
            known |= o->threads[j] == n;
        if (known)
            continue;
        if (o->thread_counts == sizeof o->threads / sizeof *o->threads) {
            text_say("--threads: too many counts");
            return false;
        }
        o->threads[o->thread_counts++] = (unsigned)n;
    }
    return true;
}

static bool parse_thp(const char *text, const char **thp) {
    static const char *const modes[] = {"never", "madvise", "always"};
    *thp                             = text;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i], text) == 0)
            return true;
    return option_complain("thp", "never, madvise or always", text);
}

static bool parse_profile(const char *text, unsigned *profile) {
    for (*profile = 0; options_profiles[*profile]; ++*profile)
        if (strcmp(options_profiles[*profile], text) == 0)
            return true;
    return option_complain("profile", "c17, c23, posix2024, glibc, cxx17, or all", text);
}

static bool parse_sizes(char *text, struct names *sizes) {
    bool good = option_names("sizes", text, sizes);
    for (size_t i = 0; good && i < sizes->count; i++) {
        bool known = false;
        for (unsigned n = 0; options_sizes[n]; n++)
            known |= strcmp(sizes->item[i], options_sizes[n]) == 0;
        good = known || option_complain("sizes", "tiny, small and large", sizes->item[i]);
    }
    return good;
}

/* What --sizes means is the command's: of harden, names; of run, where the sizes are. */
static bool take_sizes(char *text, struct options *o) {
    static struct histogram histogram;
    if (o->command == COMMAND_HARDEN)
        return parse_sizes(text, &o->sizes);
    o->histogram = &histogram;
    return histogram_read(text, &histogram);
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

/* Commands with options of their own; main takes them if they come first. */
static bool stands_first(const char *word) {
    return options_script(word) || strcmp(word, "try") == 0 || strcmp(word, "who") == 0 ||
           strcmp(word, "why") == 0;
}

/* The number of a command; COMMANDS_KNOWN: none has that name. */
static unsigned find_command(const char *word) {
    unsigned i = 0;
    while (i < COMMANDS_KNOWN && strcmp(command_name[i], word) != 0)
        i++;
    if (i == COMMANDS_KNOWN && !stands_first(word))
        text_say("unknown command '%s'; the commands are " COMMANDS, word);
    return i;
}

static bool parse_command(int argc, char **argv, struct options *o) {
    if (optind == argc)
        return true;
    const char *word       = argv[optind++];
    const unsigned command = find_command(word);
    if (command == COMMANDS_KNOWN) {
        if (stands_first(word))
            text_say("'%s' must stand before its options", word);
        return false;
    }
    o->command = (enum command)command;
    o->help_of = 1u << command;
    if (o->command == COMMAND_DESCRIBE)
        while (optind < argc)
            if (!option_names("allocators", argv[optind++], &o->allocators))
                return false;
    if (o->command == COMMAND_HELP && optind < argc) {
        const char *of    = argv[optind++];
        const unsigned it = find_command(of);
        o->help_script    = options_script(of);
        o->help_of        = 1u << it;
        if (it == COMMANDS_KNOWN && !stands_first(of))
            return false;
    }
    if (optind < argc) {
        text_say("'%s' takes no argument '%s'", word, argv[optind]);
        return false;
    }
    return true;
}

enum {
    ALLOCATORS,
    WORKLOADS,
    GROUP,
    THREADS,
    PRELOAD,
    RIVALS,
    REPETITIONS,
    ROUNDS,
    ORDER,
    SEED,
    ONE_SEED,
    QUICK,
    BRIEF,
    NO_TIMELINE,
    LONG_REST,
    THP,
    TIMEOUT,
    OUT,
    DIRECTORY_TO,
    CELLS,
    HELP,
    VERSION,
    CHECKS,
    PROFILE,
    TAP,
    WHOLE,
    VERBOSE,
    KNOWN,
    MISUSES,
    SIZES,
    RUNS,
    LIST_CHECKS,
    LIST_MISUSES,
    LIST_WORKLOADS,
    OPTIONS_KNOWN
};

static const struct {
    const char *name;
    int argument;
    unsigned commands; /* that the option is of */
} known[OPTIONS_KNOWN] = {
    [ALLOCATORS]     = {"allocators", required_argument, OF_ASKS},
    [WORKLOADS]      = {"workloads", required_argument, OF_RUN},
    [GROUP]          = {"group", required_argument, OF_RUN},
    [THREADS]        = {"threads", required_argument, OF_RUN},
    [PRELOAD]        = {"preload", required_argument, OF_ASKS},
    [RIVALS]         = {"rivals", no_argument, OF_ASKS},
    [REPETITIONS]    = {"repetitions", required_argument, OF_RUN},
    [ROUNDS]         = {"rounds", required_argument, OF_RUN},
    [ORDER]          = {"order", required_argument, OF_RUN},
    [SEED]           = {"seed", required_argument, OF_WORKS},
    [ONE_SEED]       = {"one-seed", no_argument, OF_RUN},
    [QUICK]          = {"quick", no_argument, OF_RUN},
    [BRIEF]          = {"brief", no_argument, OF_RUN},
    [NO_TIMELINE]    = {"no-timeline", no_argument, OF_RUN},
    [LONG_REST]      = {"long-rest", required_argument, OF_RUN},
    [THP]            = {"thp", required_argument, OF_RUN},
    [TIMEOUT]        = {"timeout", required_argument, OF_ASKS},
    [OUT]            = {"out", required_argument, OF_WORKS},
    [DIRECTORY_TO]   = {"directory-to", required_argument, OF_RUN | OF_CHECK | OF_HARDEN},
    [CELLS]          = {"cells", required_argument, OF_ASKS},
    [HELP]           = {"help", no_argument, OF_ANY},
    [VERSION]        = {"version", no_argument, OF_ANY},
    [CHECKS]         = {"checks", required_argument, OF_CHECK},
    [PROFILE]        = {"profile", required_argument, OF_CHECK},
    [TAP]            = {"tap", no_argument, OF_CHECK},
    [WHOLE]          = {"whole", no_argument, OF_CHECK},
    [VERBOSE]        = {"verbose", no_argument, OF_WORKS},
    [KNOWN]          = {"known", required_argument, OF_CHECK},
    [MISUSES]        = {"misuses", required_argument, OF_HARDEN},
    [SIZES]          = {"sizes", required_argument, OF_RUN | OF_HARDEN},
    [RUNS]           = {"runs", required_argument, OF_HARDEN},
    [LIST_CHECKS]    = {"list-checks", no_argument, OF_CHECK},
    [LIST_MISUSES]   = {"list-misuses", no_argument, OF_HARDEN},
    [LIST_WORKLOADS] = {"list-workloads", no_argument, OF_RUN},
};

/* Each option that was given must be one of the command: what would be ignored is said. */
static bool is_of_command(const bool *given, const struct options *o) {
    for (unsigned i = 0; i < OPTIONS_KNOWN; i++) {
        if (!given[i] || known[i].commands & 1u << o->command)
            continue;
        fprintf(stderr, "spanbench: --%s is an option of", known[i].name);
        for (unsigned c = 0, named = 0; c < COMMANDS_KNOWN; c++)
            if (known[i].commands & 1u << c)
                fprintf(stderr, "%s %s", named++ ? "," : "", command_name[c]);
        fprintf(stderr, ", not of %s\n", command_name[o->command]);
        return false;
    }
    if (o->command == COMMAND_RUN || (o->benchmark_argc == 1 && !o->list_only))
        return true;
    text_say("the options --benchmark_… belong to run, not to %s", command_name[o->command]);
    return false;
}

void options_defaults(struct options *o) {
    *o = (struct options){.seed = 1, .runs = DEFAULT_RUNS, .out = "results"};
    default_cells(o);
}

bool options_parse(int argc, char **argv, struct options *o) {
    bool given[OPTIONS_KNOWN]              = {false};
    struct option words[OPTIONS_KNOWN + 1] = {0};
    for (int i = 0; i < OPTIONS_KNOWN; i++)
        words[i] = (struct option){known[i].name, known[i].argument, NULL, i};
    options_defaults(o);
    if (!benchmark_options_take(&argc, argv, o))
        return false;
    bool good   = true;
    char *sizes = NULL;
    for (int c; good && (c = getopt_long(argc, argv, "", words, NULL)) != -1;) {
        uint64_t n;
        if (c < OPTIONS_KNOWN)
            given[c] = true;
        switch (c) {
        case ALLOCATORS: good = option_names("allocators", optarg, &o->allocators); break;
        case WORKLOADS: good = option_names("workloads", optarg, &o->workloads); break;
        case GROUP: good = option_names("group", optarg, &o->groups); break;
        case THREADS: good = parse_threads(optarg, o); break;
        case PRELOAD: good = option_add_name("preload", &o->preloads, optarg); break;
        case RIVALS: o->rivals = true; break;
        case REPETITIONS:
            good           = option_number("repetitions", optarg, 1, MOST_REPETITIONS, &n);
            o->repetitions = (unsigned)n;
            break;
        case ROUNDS: good = parse_rounds(optarg, o); break;
        case ORDER: good = parse_order(optarg, &o->mirrored); break;
        case SEED: good = option_number("seed", optarg, 0, INT64_MAX, &o->seed); break;
        case ONE_SEED: o->one_seed = true; break;
        case QUICK: o->quick = true; break;
        case BRIEF: o->brief = true; break;
        case NO_TIMELINE: o->no_timeline = true; break;
        case LONG_REST:
            good                 = option_number("long-rest", optarg, 1, 600, &n);
            o->long_rest_seconds = (unsigned)n;
            break;
        case THP: good = parse_thp(optarg, &o->thp); break;
        case TIMEOUT: good = option_seconds("timeout", optarg, &o->timeout_seconds); break;
        case OUT:
            o->out = optarg;
            good   = *optarg || option_complain("out", "a directory", optarg);
            break;
        case DIRECTORY_TO: o->directory_to = optarg; break;
        case CELLS: snprintf(o->cells, sizeof o->cells, "%s", optarg); break;
        case CHECKS: good = option_names("checks", optarg, &o->checks); break;
        case PROFILE: good = parse_profile(optarg, &o->profile); break;
        case TAP: o->tap = true; break;
        case WHOLE: o->whole = true; break;
        case VERBOSE: o->verbose = true; break;
        case KNOWN:
            o->known_named = true;
            snprintf(o->known, sizeof o->known, "%s", optarg);
            break;
        case MISUSES: good = option_names("misuses", optarg, &o->misuses); break;
        case SIZES: sizes = optarg; break;
        case RUNS:
            good    = option_number("runs", optarg, 1, 1000, &n);
            o->runs = (unsigned)n;
            break;
        case LIST_CHECKS:
        case LIST_MISUSES:
        case LIST_WORKLOADS: o->list_names = true; break;
        case HELP:
        case VERSION: break;
        default:
            fputs("spanbench: --help lists all options, COMMAND --help those of one command\n",
                  stderr);
            return false;
        }
    }
    if (!good || !parse_command(argc, argv, o) ||
        (!given[HELP] && !given[VERSION] && !is_of_command(given, o)))
        return false;
    if (given[HELP] || given[VERSION])
        o->command = given[HELP] ? COMMAND_HELP : COMMAND_VERSION;
    else if (given[LIST_WORKLOADS])
        o->command = COMMAND_LIST;
    if (sizes && 1u << o->command & OF_WORKS && !take_sizes(sizes, o))
        return false;
    o->threads_named = o->thread_counts;
    if (!o->thread_counts)
        default_threads(o);
    if (!(o->timeout_seconds > 0))
        o->timeout_seconds = o->command == COMMAND_HARDEN  ? HARDEN_TIMEOUT
                             : o->command == COMMAND_CHECK ? CHECK_TIMEOUT
                                                           : DEFAULT_TIMEOUT;
    if (!o->repetitions)
        o->repetitions = o->groups.count ? (o->quick ? QUICK_GROUP_REPETITIONS : GROUP_REPETITIONS)
                         : o->quick      ? QUICK_REPETITIONS
                                         : DEFAULT_REPETITIONS;
    return settle_rounds(o, given[ROUNDS]);
}
