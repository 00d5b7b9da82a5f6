#include "who_options.h"

#include "text.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool parse_seconds(const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && *value > 0 && *value <= 86400)
        return true;
    text_say("--timeout takes seconds, more than 0 and at most 86400, not '%s'", text);
    return false;
}

static bool add_root(const char *text, struct who_options *o) {
    char *end;
    const long pid = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || pid < 1 || pid > INT_MAX) {
        text_say("who takes the number of a process, not '%s'; to run a program, put -- "
                 "before it",
                 text);
        return false;
    }
    if (o->roots == WHO_MOST_ROOTS) {
        fputs("spanbench: who: too many processes\n", stderr);
        return false;
    }
    o->root[o->roots++] = (pid_t)pid;
    return true;
}

/* ld.so's own rules, so that an error is said before anything runs. */
static bool check_preload(char *path, struct who_options *o) {
    static char whole[PATH_MAX];
    if (!realpath(path, whole))
        text_say("cannot preload '%s': %s", path, strerrordesc_np(errno));
    else if (strpbrk(whole, " :"))
        text_say("cannot preload '%s': ld.so splits LD_PRELOAD at blanks and colons; "
                 "give it a path without them",
                 path);
    else
        o->preload = whole;
    return o->preload;
}

/* What does not fit together. */
static bool fits(const struct who_options *o, bool timeout) {
    const char *problem =
        o->program && !*o->program  ? "there is no program behind --"
        : o->program && o->roots    ? "takes numbers of processes, or -- and a program, not both"
        : !o->program && !o->roots  ? "takes the number of a process, or -- and a program"
        : !o->program && o->preload ? "--preload needs -- and a program: it cannot be changed later"
        : !o->program && timeout    ? "--timeout needs -- and a program"
        : o->expect && !*o->expect  ? "--expect takes a name, such as jemalloc"
                                    : NULL;
    if (problem)
        text_say("who: %s; see 'spanbench who --help'", problem);
    return !problem;
}

bool who_options_parse(int argc, char **argv, struct who_options *o) {
    enum { EXPECT, PRELOAD, TIMEOUT, JSON, HELP };
    static const struct option words[] = {{"expect", required_argument, NULL, EXPECT},
                                          {"preload", required_argument, NULL, PRELOAD},
                                          {"timeout", required_argument, NULL, TIMEOUT},
                                          {"json", no_argument, NULL, JSON},
                                          {"help", no_argument, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    bool good = true, timeout = false;
    *o = (struct who_options){.timeout_seconds = WHO_TIMEOUT};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--") == 0) {
            o->program = argv + i + 1;
            argc       = i;
        }
    for (int c; good && (c = getopt_long(argc, argv, "", words, NULL)) != -1;)
        switch (c) {
        case EXPECT: o->expect = optarg; break;
        case PRELOAD: good = check_preload(optarg, o); break;
        case TIMEOUT:
            good    = parse_seconds(optarg, &o->timeout_seconds);
            timeout = true;
            break;
        case JSON: o->json = true; break;
        case HELP: o->help = true; break;
        default:
            fputs("spanbench: 'spanbench who --help' lists the options\n", stderr);
            return false;
        }
    for (int i = optind; good && !o->help && i < argc; i++)
        good = add_root(argv[i], o);
    return good && (o->help || fits(o, timeout));
}

void who_options_usage(FILE *to) {
    fprintf(
        to,
        "usage: spanbench who [options] PID …\n"
        "       spanbench who [options] -- PROGRAM ARGUMENT …\n"
        "Says which object serves malloc in each process and in all its children, how that is\n"
        "known, its version and its options. Says where and why it is not what LD_PRELOAD asks\n"
        "for. Nothing is loaded into the processes.\n"
        "options:\n"
        "  --expect NAME        each process must be served by this allocator: its name, such as\n"
        "                       jemalloc, the name of its file, or a path\n"
        "  --preload FILE       run the program with this library in LD_PRELOAD\n"
        "  --timeout SECONDS    watch the program for so long at most, then end it (default: %d)\n"
        "  --json               print JSON (results/who.schema.json); what the program prints\n"
        "                       goes to standard error\n"
        "examples:\n"
        "  spanbench who $(pidof redis-server)\n"
        "  spanbench who -- make -j4\n"
        "  spanbench who --preload ./libfoo.so --expect libfoo.so -- python3 -c pass\n"
        "exit code: 0 every process is served as asked for; 1 one is not, or it cannot be said;\n"
        "           2 wrong use, no such process or program; 128 + signal\n",
        WHO_TIMEOUT);
}
