#include "try_options.h"

#include "context.h"
#include "exit_code.h"
#include "text.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TRY_TIMEOUT = 300, DEFAULT_BUDGET = 60 };
static const double default_precision = 0.02;

enum {
    ALLOCATORS,
    PRELOAD,
    ROW,
    TUNINGS,
    RIVALS,
    RUNS,
    PRECISION,
    BUDGET,
    WARMUP,
    PREPARE,
    CWD,
    ENV,
    INPUT,
    SHELL,
    METRIC,
    HIGHER,
    SAME_OUTPUT,
    ANY_OUTPUT,
    EXIT_CODE,
    TIMEOUT,
    SEED,
    LIMIT,
    SMALLEST_LIMIT,
    AGAINST,
    OUT,
    DIRECTORY_TO,
    JSON,
    QUIET,
    CELLS,
    SERVER,
    READY,
    LOAD,
    THEN,
    TRAFFIC,
    AFTER,
    HELP,
    VERSION
};

static const struct option words[] = {
    {"allocators", required_argument, NULL, ALLOCATORS},
    {"preload", required_argument, NULL, PRELOAD},
    {"row", required_argument, NULL, ROW},
    {"tunings", no_argument, NULL, TUNINGS},
    {"rivals", no_argument, NULL, RIVALS},
    {"runs", required_argument, NULL, RUNS},
    {"precision", required_argument, NULL, PRECISION},
    {"budget", required_argument, NULL, BUDGET},
    {"warmup", required_argument, NULL, WARMUP},
    {"prepare", required_argument, NULL, PREPARE},
    {"cwd", required_argument, NULL, CWD},
    {"env", required_argument, NULL, ENV},
    {"input", required_argument, NULL, INPUT},
    {"shell", no_argument, NULL, SHELL},
    {"metric", required_argument, NULL, METRIC},
    {"higher-is-better", no_argument, NULL, HIGHER},
    {"same-output", no_argument, NULL, SAME_OUTPUT},
    {"any-output", no_argument, NULL, ANY_OUTPUT},
    {"exit-code", required_argument, NULL, EXIT_CODE},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"seed", required_argument, NULL, SEED},
    {"limit", required_argument, NULL, LIMIT},
    {"smallest-limit", no_argument, NULL, SMALLEST_LIMIT},
    {"against", required_argument, NULL, AGAINST},
    {"out", required_argument, NULL, OUT},
    {"directory-to", required_argument, NULL, DIRECTORY_TO},
    {"json", required_argument, NULL, JSON},
    {"quiet", no_argument, NULL, QUIET},
    {"cells", required_argument, NULL, CELLS},
    {"server", required_argument, NULL, SERVER},
    {"ready", required_argument, NULL, READY},
    {"load", required_argument, NULL, LOAD},
    {"then", required_argument, NULL, THEN},
    {"traffic", required_argument, NULL, TRAFFIC},
    {"after", required_argument, NULL, AFTER},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {0},
};

void try_options_usage(FILE *to) {
    fprintf(
        to,
        "usage: spanbench try [options] -- PROGRAM ARGUMENT…\n"
        "       spanbench try [options] --server COMMAND --ready port:N --load COMMAND\n"
        "Runs your program under each allocator, side by side, and says what differs: time,\n"
        "processor time and peak memory.\n"
        "options:\n"
        "  --allocators LIST    names, separated by commas or blanks (default: all); also with an\n"
        "                       option: system:MALLOC_ARENA_MAX=2, jemalloc:dirty_decay_ms=0\n"
        "  --preload FILE       also try this malloc library; NAME=FILE gives it a name\n"
        "  --row 'NAME:VAR=VALUE …'  also try allocator NAME with these variables; thp=never\n"
        "                       switches transparent huge pages off, watch=off does not watch\n"
        "                       memory\n"
        "  --rivals             also the newer builds that 'make rivals' fetched\n"
        "  --tunings            also try the options that people reach for (tunings.json)\n"
        "  --runs N             so many runs of each row, at most %d\n"
        "  --precision PERCENT  go on until the 95 %% intervals are within this (default: %g)\n"
        "  --budget SECONDS     but begin no further round after this (default: %d)\n"
        "  --warmup N           rounds that do not count, before all others (default: 0). Each\n"
        "                       row runs once before, to see which object serves its malloc\n"
        "  --prepare COMMAND    run by sh before each run, and not measured\n"
        "  --cwd DIR            where the program and --prepare run\n"
        "  --env NAME=VALUE     of the program's environment; may be given again\n"
        "  --input FILE         what the program reads (default: nothing)\n"
        "  --shell              PROGRAM is one word, a command for sh\n"
        "  --metric REGEX       compare a number that the program prints: the first group of this\n"
        "                       extended regular expression, in the last line that matches;\n"
        "                       1,234 is a thousand, 0,53 is less than one\n"
        "  --higher-is-better   of that number\n"
        "  --same-output        another output than the first row's is a failure, also if the\n"
        "                       program prints something else each time\n"
        "  --any-output         no output is a failure (default: if the program prints the same\n"
        "                       each time with the C library's malloc, another output is one)\n"
        "  --exit-code N        the good one (default: 0)\n"
        "  --timeout SECONDS    of one run (default: %d)\n"
        "  --limit BYTES        of memory, as 512M or 2G\n"
        "  --smallest-limit     also find the least memory under which the program still ends\n"
        "                       well and prints the same, to 2 %% or 1 MiB\n"
        "  --against COMMAND    also try another build of the program, given as one word: is the\n"
        "                       difference of the two the allocator's?\n"
        "  --server COMMAND     run by sh under each allocator, until the load has ended\n"
        "  --ready WHAT         when the load may begin: port:N (of this machine), regex:TEXT "
        "that\n"
        "                       the server prints, or file:PATH that appears\n"
        "  --load COMMAND       run by sh, not under the allocator; its time counts, or --metric\n"
        "  --then COMMAND       run by sh after the load, to delete things, say; the server's\n"
        "                       memory is read after it. May be given again\n"
        "  --after LIST         read the server's memory so many seconds after that, too\n"
        "                       (default: 1; does it go back, and when? 1,10,60)\n"
        "  --traffic COMMAND    light traffic: do all of it once more on a new server, and run\n"
        "                       this by sh, again and again, in the seconds of --after\n"
        "  --seed N             of the order of runs (default: 1)\n"
        "  --out DIR            write results to DIR/<time>-<host>/ (default: results)\n"
        "  --directory-to FILE  write the path of the results there, for scripts\n"
        "  --json FILE          also write program.json there\n"
        "  --quiet              no table and no verdict\n"
        "  --cells DIR          where the cells are (default: cell/ beside this program)\n"
        "examples:\n"
        "  spanbench try -- python3 -c 'print(len([str(i) for i in range(10**6)]))'\n"
        "  spanbench try --allocators system,jemalloc --preload ./libfoo.so -- ./program input\n"
        "  spanbench try --metric 'requests/s: ([0-9.]+)' --higher-is-better -- ./load\n"
        "  spanbench try --server 'redis-server --port 7777 --save \"\"' --ready port:7777 \\\n"
        "                --load 'redis-benchmark -p 7777 -q -t set -n 100000' \\\n"
        "                --then 'redis-cli -p 7777 flushall' --after 1,10,60\n"
        "  spanbench try --against './new input' -- ./old input\n"
        "exit code: 0 good; 1 a row has no result, and its cause is said; 2 wrong use or "
        "environment,\n"
        "           or an allocator that you named is not here; 128 + signal\n",
        TRY_MOST_RUNS, default_precision * 100, DEFAULT_BUDGET, DEFAULT_TRY_TIMEOUT);
}

static bool parse_precision(char *text, double *precision) {
    char *end;
    *precision = strtod(text, &end) / 100;
    if (*end == '%')
        end++;
    return (end != text && !*end && *precision > 0 && *precision < 1) ||
           option_complain("precision", "a percentage, more than 0 and less than 100", text);
}

static bool parse_bytes(const char *option, const char *text, uint64_t *bytes) {
    static const char units[] = "KMGT";
    char *end;
    const double number = strtod(text, &end);
    double unit         = 1;
    const char *known   = *end ? strchr(units, *end & ~0x20) : NULL;
    if (known) {
        unit = ldexp(1, 10 * (int)(known - units + 1));
        end += end[1] == 'i' ? 2 : 1;
        end += *end == 'B';
    }
    *bytes = number > 0 && number * unit < 0x1p60 ? (uint64_t)(number * unit) : 0;
    return (end != text && !*end && *bytes >= 4096) ||
           option_complain(option, "bytes, at least 4096, as 512M or 2G", text);
}

static bool parse_variable(const char *text, struct names *variables) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return option_complain("env", "NAME=VALUE", text);
    if (strncmp(text, "LD_PRELOAD=", strlen("LD_PRELOAD=")) == 0) {
        text_say("--env LD_PRELOAD would replace the allocators; use --preload");
        return false;
    }
    return option_add_name("env", variables, text);
}

static bool compile(const char *option, const char *text, int flags, regex_t *expression) {
    char why[200];
    const int error = regcomp(expression, text, REG_EXTENDED | flags);
    if (!error)
        return true;
    regerror(error, expression, why, sizeof why);
    text_say("%s is not an extended regular expression: %s", option, why);
    return false;
}

static bool parse_after(char *text, struct try_options *o) {
    struct names list = {0};
    o->afters         = 0;
    if (!option_names("after", text, &list))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        if (o->afters == TRY_AFTERS)
            return option_complain("after", "at most 8 times", list.item[i]);
        if (!option_seconds("after", list.item[i], &o->after[o->afters++]))
            return false;
    }
    return true;
}

static bool parse_ready(const char *text, struct try_options *o) {
    o->ready         = text;
    const char *port = strncmp(text, "port:", 5) == 0 ? text + 5 : NULL;
    if (strncmp(text, "regex:", 6) == 0 && text[6])
        return compile("--ready", text + 6, REG_NOSUB | REG_NEWLINE, &o->ready_line);
    if (port ? atoi(port) > 0 && atoi(port) < 65536 && !port[strspn(port, "0123456789")]
             : strncmp(text, "file:", 5) == 0 && text[5])
        return true;
    return option_complain("ready", "port:NUMBER, regex:TEXT or file:PATH", text);
}

static bool take(int c, struct try_options *o) {
    struct options *common = &o->common;
    uint64_t n             = 0;
    bool good              = true;
    switch (c) {
    case ALLOCATORS: return option_names("allocators", optarg, &common->allocators);
    case PRELOAD: return option_add_name("preload", &common->preloads, optarg);
    case ROW: return option_add_name("row", &o->extra_rows, optarg);
    case TUNINGS: o->tunings = true; break;
    case RIVALS: common->rivals = true; break;
    case RUNS:
        good    = option_number("runs", optarg, 1, TRY_MOST_RUNS, &n);
        o->runs = (unsigned)n;
        break;
    case PRECISION: return parse_precision(optarg, &o->precision);
    case BUDGET: return option_seconds("budget", optarg, &o->budget_seconds);
    case WARMUP:
        good      = option_number("warmup", optarg, 0, 100, &n);
        o->warmup = (unsigned)n;
        break;
    case PREPARE: o->prepare = optarg; break;
    case CWD: o->directory = optarg; break;
    case ENV: return parse_variable(optarg, &o->variables);
    case INPUT: o->input = optarg; break;
    case SHELL: o->shell = true; break;
    case METRIC: o->metric = optarg; return compile("--metric", optarg, 0, &o->number);
    case HIGHER: o->higher_is_better = true; break;
    case SAME_OUTPUT: o->same_output = true; break;
    case ANY_OUTPUT: o->any_output = true; break;
    case EXIT_CODE:
        good         = option_number("exit-code", optarg, 0, 255, &n);
        o->good_code = (int)n;
        break;
    case TIMEOUT: return option_seconds("timeout", optarg, &common->timeout_seconds);
    case SEED: return option_number("seed", optarg, 0, INT64_MAX, &common->seed);
    case LIMIT: return parse_bytes("limit", optarg, &o->limit_bytes);
    case SMALLEST_LIMIT: o->smallest_limit = true; break;
    case AGAINST: o->against = optarg; break;
    case OUT: common->out = optarg; return *optarg || option_complain("out", "a directory", optarg);
    case DIRECTORY_TO: common->directory_to = optarg; break;
    case JSON: o->json = optarg; break;
    case QUIET: o->quiet = true; break;
    case CELLS: snprintf(common->cells, sizeof common->cells, "%s", optarg); break;
    case SERVER: o->server = optarg; break;
    case READY: return parse_ready(optarg, o);
    case LOAD: o->load = optarg; break;
    case THEN:
        return o->thens.count < TRY_THENS ? option_add_name("then", &o->thens, optarg)
                                          : option_complain("then", "at most 8 times", optarg);
    case TRAFFIC: o->traffic = optarg; break;
    case AFTER: return parse_after(optarg, o);
    case HELP:
    case VERSION: break;
    default:
        fputs("spanbench: try --help lists all options; what belongs to the program stands behind "
              "--\n",
              stderr);
        return false;
    }
    return good;
}

/* What belongs together, and what does not. */
static const char *conflict(const struct try_options *o) {
    if (o->server && *o->program)
        return "--server takes the place of a program; leave one of them out";
    if (!o->server && (o->ready || o->load || o->thens.count || o->traffic))
        return "--ready, --load, --then and --traffic belong to --server COMMAND";
    if (o->smallest_limit && o->server)
        return "--smallest-limit is of a program that ends, and a server does not";
    if (o->smallest_limit && o->limit_bytes)
        return "--smallest-limit looks for what --limit gives; leave one of them out";
    if (o->server && (!o->ready || !o->load))
        return "--server needs --ready WHAT and --load COMMAND";
    if (!o->server && !*o->program)
        return "which program? spanbench try [options] -- PROGRAM ARGUMENT…";
    if (o->shell && o->program[0] && o->program[1])
        return "--shell takes one word, a command in quotes";
    if (o->same_output && o->any_output)
        return "--same-output and --any-output contradict each other; leave one of them out";
    if (o->higher_is_better && !o->metric)
        return "--higher-is-better is said of a --metric REGEX";
    return NULL;
}

int try_options_parse(int argc, char **argv, struct try_options *o) {
    *o = (struct try_options){.precision = default_precision, .after = {1}, .afters = 1};
    options_defaults(&o->common);
    o->common.timeout_seconds = DEFAULT_TRY_TIMEOUT;
    optind                    = 1;
    /* "+": words behind the program's name are its own, also without -- */
    for (int c; (c = getopt_long(argc, argv, "+", words, NULL)) != -1;) {
        if (c == HELP || c == VERSION) {
            if (c == HELP)
                try_options_usage(stdout);
            else
                printf("spanbench %s\n", context_version());
            return EXIT_GOOD;
        }
        if (!take(c, o))
            return EXIT_WRONG_USE;
    }
    o->program = argv + optind;
    if (!o->runs && !(o->budget_seconds > 0))
        o->budget_seconds = DEFAULT_BUDGET;
    const char *wrong = conflict(o);
    if (!wrong)
        return -1;
    text_say("%s (try --help)", wrong);
    return EXIT_WRONG_USE;
}
