/* A cell: the process in which one allocator is measured. build/cell/<allocator> is this program
 * linked with that allocator's adapter and with all workloads. The driver starts one cell a sample;
 * a person may start it too.
 *
 * A cell allocates nothing of its own: its heap is the allocator under test. Books are mapped, text
 * is static. (pthread_create(3) asks the process's malloc for a few hundred bytes a thread.)
 *
 * The protocol, the same for a cell in any language. Each option prints one JSON object:
 *   --describe [--sizes S]         what this cell is
 *   --run WORKLOAD …               one sample; results/record.schema.json
 *   --list-checks                  the conformance checks that it has
 *   --list-assertions              the places where a check may fail
 *   --check NAME [--seed S] [--timeout T] [--whole] [--hangs]   one of them, with its verdict
 *   --returns FUNCTION             calls the function: does it return?
 *   --list-misuses                 the misuses that it can commit
 *   --misuse NAME --size CLASS     one of them, a JSON object a line; hardening.h
 * The objects go to file descriptor --fd (1 by default).
 *
 * Exit code 0: good; 1: a check failed; 2: wrong use, or the identity is not proven. Then the
 * object is {"error": {"check": …, "message": …}}. */
#include "conformance.h"
#include "given_sizes.h"
#include "hardening.h"
#include "heap_map.h"
#include "huge_pages.h"
#include "identity.h"
#include "json.h"
#include "kernel.h"
#include "record_json.h"
#include "restart.h"
#include "sample.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROTOCOL = 1, LATER_MOST_MS = 600000 };
enum { GOOD = 0, FINDING = 1, WRONG_USE = 2 };

#define W(name) extern const struct workload workload_##name;
#include "workloads.inc"
#undef W
#define W(name) &workload_##name,
static const struct workload *const workloads[] = {
#include "workloads.inc"
};
#undef W
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

static struct options {
    bool describe, list_checks, list_assertions, list_misuses;
    const char *workload, *check, *returns, *misuse;
    const char *size;     /* of the misuse: a class */
    const char *sizes;    /* of the requests, as given_sizes.h takes them; NULL: the workload's */
    const char *thp;      /* transparent huge pages: never, madvise, always; NULL: as they are */
    const char *heap;     /* the file for the pages of the heap; NULL: nobody asks */
    const char *expected; /* the file that malloc must belong to; NULL: the adapter's choice */
    uint64_t threads, ops, seed, cpus, hold_ms, cpu_seconds, timeout, fd;
    unsigned later_ms[SAMPLE_MAX_LATER];
    bool verify, verbose, whole, hangs, control;
} options = {.size        = "small",
             .threads     = 1,
             .seed        = 1,
             .cpu_seconds = 2,
             .timeout     = CHECK_TIMEOUT_SECONDS,
             .fd          = STDOUT_FILENO};

static struct json out;
static struct identity identity;
static struct allocator bound;
static struct sizes sizes; /* that --sizes gave, if any */

static bool flush(void) {
    json_end(&out);
    if (out.overflow) {
        fprintf(stderr, "%s: the record does not fit in its buffer\n",
                program_invocation_short_name);
        return false;
    }
    for (size_t done = 0; done < out.length;) {
        const long wrote = kernel_call(SYS_write, (long)options.fd, (long)(out.text + done),
                                       (long)(out.length - done), 0);
        if (wrote < 0 && wrote != -EINTR) {
            fprintf(stderr, "%s: cannot write the record to descriptor %d: %s\n",
                    program_invocation_short_name, (int)options.fd, strerrordesc_np((int)-wrote));
            return false;
        }
        done += wrote < 0 ? 0 : (size_t)wrote;
    }
    return true;
}

static int error(int code, const char *check, const char *message) {
    json_open(&out, NULL, '{');
    json_open(&out, "error", '{');
    json_string(&out, "check", check);
    json_string(&out, "message", message);
    json_close(&out, '}');
    json_close(&out, '}');
    flush();
    return code;
}

/* What the workload calls and the allocator does not have; NULL: it has all. */
static const char *missing_for(const struct workload *w) {
    const char *slot = slots_missing(&bound, w->needs);
    return slot || !w->lacks ? slot : w->lacks(&bound);
}

/* What a workload draws its sizes from; NULL: it has its own. */
static const struct sizes *sizes_of(const struct workload *w) {
    return w->takes_sizes && options.sizes ? &sizes : NULL;
}

static void describe_sizes(const struct workload *w) {
    const struct sizes *given = sizes_of(w);
    uint32_t least            = given ? UINT32_MAX : (uint32_t)w->min_bytes;
    uint32_t most             = given ? 0 : (uint32_t)w->max_bytes;
    for (uint32_t i = 0; given && i < given->count; i++) {
        least = given->range[i].least < least ? given->range[i].least : least;
        most  = given->range[i].most > most ? given->range[i].most : most;
    }
    json_uint(&out, "ops", sizes_ops(given, w->ops));
    json_uint(&out, "quick_ops", sizes_ops(given, w->quick_ops));
    json_uint(&out, "brief_ops", sizes_ops(given, w->brief_ops));
    json_uint(&out, "min_bytes", least);
    json_uint(&out, "max_bytes", most);
    json_bool(&out, "takes_sizes", w->takes_sizes);
    if (given) /* about what a thread holds, if the largest come twice as often as they should */
        json_uint(&out, "sizes_live_bytes", given->mean * sizes_blocks(given) + 2 * (uint64_t)most);
}

static void describe_workload(const struct workload *w) {
    json_open(&out, NULL, '{');
    json_string(&out, "name", w->name);
    json_string(&out, "group", w->group);
    json_string(&out, "summary", w->summary);
    json_string(&out, "stresses", w->stresses);
    json_string(&out, "missing", missing_for(w)); /* null: it has all */
    json_uint(&out, "least_threads", w->least_threads ? w->least_threads : 1);
    json_uint(&out, "most_threads", w->most_threads ? w->most_threads : SAMPLE_MAX_THREADS);
    json_uint(&out, "threads_per_cpu", w->threads_per_cpu);
    json_uint(&out, "live_blocks", w->live_blocks);
    describe_sizes(w);
    json_close(&out, '}');
}

static int describe(void) {
    json_open(&out, NULL, '{');
    json_uint(&out, "protocol", PROTOCOL);
    json_string(&out, "allocator", program_invocation_short_name);
    json_string(&out, "version", bound.version ? bound.version() : NULL);
    json_bool(&out, "floor", bound.flags & ALLOCATOR_FLOOR);
    json_string(&out, "object", identity.object);
    json_string(&out, "process_malloc", identity.process_malloc);
    json_string(&out, "preload", bound.preload); /* null: the object itself */
    json_open(&out, "slots", '{'); /* the object file behind each function that is supported */
    for (size_t i = 0; i < IDENTITY_SLOTS; i++)
        json_string(&out, identity.slot[i].name,
                    identity.slot[i].supported ? identity.slot[i].object : NULL);
    json_close(&out, '}');
    json_open(&out, "foreign", '{'); /* functions that are there and not used: see identity_bind */
    for (size_t i = 0; i < IDENTITY_SLOTS; i++)
        if (identity.slot[i].object && !identity.slot[i].supported)
            json_string(&out, identity.slot[i].name, identity.slot[i].object);
    json_close(&out, '}');
    json_open(&out, "workloads", '[');
    for (size_t i = 0; i < WORKLOADS; i++)
        describe_workload(workloads[i]);
    json_close(&out, ']');
    json_close(&out, '}');
    return flush() ? GOOD : WRONG_USE;
}

/* Says why the workload cannot run so. False: it can. */
static bool cannot_run(const struct workload *w) {
    const unsigned least = w->least_threads ? w->least_threads : 1;
    const unsigned most  = w->most_threads ? w->most_threads : SAMPLE_MAX_THREADS;
    const char *missing  = missing_for(w);
    if (missing)
        fprintf(stderr, "%s: this allocator has no %s, which %s calls\n",
                program_invocation_short_name, missing, w->name);
    else if (options.sizes && !w->takes_sizes)
        fprintf(stderr, "%s: %s has sizes of its own; leave --sizes out, or run 'sizes'\n",
                program_invocation_short_name, w->name);
    else if (options.threads < least || options.threads > most)
        fprintf(stderr, "%s: %s takes %u to %u threads: --threads %u\n",
                program_invocation_short_name, w->name, least, most, least);
    else
        return false;
    return true;
}

static int run(const struct workload *workload) {
    if (cannot_run(workload))
        return WRONG_USE;
    static struct sample_result r;
    struct sample_request request = {
        .workload  = workload,
        .allocator = &bound,
        .seed      = options.seed,
        .ops       = options.ops ? options.ops : sizes_ops(sizes_of(workload), workload->ops),
        .sizes     = sizes_of(workload),
        .threads   = (unsigned)options.threads,
        .cpus      = (unsigned)options.cpus,
        .verify    = options.verify,
        .hold_ms   = (unsigned)options.hold_ms,
    };
    memcpy(request.later_ms, options.later_ms, sizeof request.later_ms);
    if (options.heap) {
        request.look = heap_map_look;
        if (!(request.allocator = heap_map_begin(&bound, options.heap)))
            return WRONG_USE;
    }
    sample_run(&request, &r);
    if (*r.failed_check)
        return error(FINDING, r.failed_check, r.failure);
    const struct record_source source = {
        .protocol  = PROTOCOL,
        .allocator = program_invocation_short_name,
        .object    = identity.object,
        .request   = &request,
        .result    = &r,
    };
    record_write(&out, &source);
    return flush() && heap_map_is_whole() ? GOOD : WRONG_USE;
}

static int check(const char *name, char **argv) {
    bool failed;
    restart_for(conformance_process(name, &bound), &bound, identity.object, argv);
    identity_complete(&bound);
    const struct conformance_how how = {.seed            = options.seed,
                                        .timeout_seconds = options.timeout,
                                        .whole           = options.whole,
                                        .hangs           = options.hangs,
                                        .verbose         = options.verbose};
    if (!conformance_run(name, &bound, identity.object, how, &out, &failed)) {
        fprintf(stderr, "%s: no check '%s'; --list-checks names them\n",
                program_invocation_short_name, name);
        return WRONG_USE;
    }
    return !flush() ? WRONG_USE : failed ? FINDING : GOOD;
}

static int returns(const char *function) {
    if (!check_returns(function, &bound)) {
        fprintf(stderr,
                "%s: no function '%s' of this allocator can be asked for; --describe names them\n",
                program_invocation_short_name, function);
        return WRONG_USE;
    }
    json_open(&out, NULL, '{');
    json_uint(&out, "protocol", PROTOCOL);
    json_string(&out, "returns", function);
    json_close(&out, '}');
    return flush() ? GOOD : WRONG_USE;
}

static int list(void (*all)(struct json *)) {
    all(&out);
    return flush() ? GOOD : WRONG_USE;
}

static int misuse(const char *name) {
    const struct hardening_request request = {
        .name        = name,
        .size        = hardening_size(options.size),
        .control     = options.control,
        .seed        = options.seed,
        .cpu_seconds = options.cpu_seconds,
        .object      = identity.object,
        .fd          = (int)options.fd,
    };
    if (request.size != MISUSE_SIZES)
        hardening_run(&request, &bound); /* which ends the process */
    fprintf(stderr,
            "%s: no misuse '%s' of size '%s'; --list-misuses names them; sizes are tiny, "
            "small, large\n",
            program_invocation_short_name, name, options.size);
    return WRONG_USE;
}

static void usage(FILE *to) {
    fprintf(
        to,
        "usage: %s --describe\n"
        "       %s --run WORKLOAD [--threads T] [--ops N] [--seed S] [--verify] [OPTION…]\n"
        "       %s --list-checks | --list-assertions | --list-misuses\n"
        "       %s --check NAME [--seed S] [--timeout T] [--whole] [--hangs] [--verbose]\n"
        "       %s --returns FUNCTION\n"
        "       %s --misuse NAME [--size CLASS] [--seed S] [--control]\n"
        "options:\n"
        "  --describe       print what this cell is: the object file behind each function\n"
        "  --run WORKLOAD   run one sample and print its record\n"
        "  --threads T      1 to %d (default 1)\n"
        "  --ops N          timed operations over all threads (default: the workload's)\n"
        "  --seed S         of the request stream (default 1)\n"
        "  --verify         check every byte of every block instead of measuring time\n"
        "  --cpus N         CPUs that can be used at once: with more threads than that, a thread\n"
        "                   that waits for others sleeps (default: what the affinity allows)\n"
        "  --hold MS        pause for so many milliseconds whenever memory is read\n"
        "  --later MS,MS…   read the memory again so many milliseconds after all is freed, and\n"
        "                   after it was given back; up to %d numbers, rising\n"
        "  --sizes S:W,L-M:W…\n"
        "                   sizes of the requests, each size or range of sizes with its weight,\n"
        "                   where the workload takes them\n"
        "  --heap FILE      write the pages of the heap there, as they are at each instant at "
        "which\n"
        "                   memory is read: for a picture. No number of such a sample counts\n"
        "  --thp MODE       huge pages for this process: never, madvise or always, as far as the\n"
        "                   kernel can (default: as it is)\n"
        "  --list-checks    print the conformance checks, their clauses and classes\n"
        "  --list-assertions\n"
        "                   print the assertions of the checks: the places where a check may fail\n"
        "  --check NAME     run one of them and print its result\n"
        "  --timeout T      seconds after which you end the check (default %d): so long does\n"
        "                   the check wait for a slow child process\n"
        "  --whole          try all inputs that a check generates, not a sample by the seed\n"
        "  --hangs          it is known that a child of the check hangs: say so sooner\n"
        "  --verbose        tell the steps of a check on standard error\n"
        "  --returns FUNCTION\n"
        "                   call it, as malloc or calloc, with many sizes: does it return?\n"
        "  --list-misuses   print the misuses: their names, weaknesses and what they do\n"
        "  --misuse NAME    commit one of them, and print each step before it is taken\n"
        "  --size CLASS     size of its blocks: tiny, small (default) or large\n"
        "  --control        leave the misusing step out\n"
        "  --cpu-seconds N  end a misuse that takes more processor time (default: 2)\n"
        "  --expect FILE    fail unless malloc belongs to this file\n"
        "  --fd N           write the JSON there instead of to standard output\n"
        "workloads:\n",
        program_invocation_short_name, program_invocation_short_name, program_invocation_short_name,
        program_invocation_short_name, program_invocation_short_name, program_invocation_short_name,
        SAMPLE_MAX_THREADS, SAMPLE_MAX_LATER, CHECK_TIMEOUT_SECONDS);
    for (size_t i = 0; i < WORKLOADS; i++)
        fprintf(to, "  %-16s %s\n", workloads[i]->name, workloads[i]->summary);
    fprintf(to, "example: %s --run %s --threads 2\n", program_invocation_short_name,
            workloads[0]->name);
}

static bool number(const char *option, const char *text, uint64_t min, uint64_t max,
                   uint64_t *value) {
    char *end;
    errno  = 0;
    *value = strtoull(text, &end, 10);
    if (errno || *end || *text < '0' || *text > '9' || *value < min || *value > max) {
        fprintf(stderr, "%s: --%s takes a whole number from %llu to %llu, not '%s'\n",
                program_invocation_short_name, option, (unsigned long long)min,
                (unsigned long long)max, text);
        return false;
    }
    return true;
}

/* Whole milliseconds, rising, with commas between them. */
static bool parse_later(char *text) {
    unsigned count = 0, last = 0;
    for (char *rest = text; rest;) {
        const char *word = strsep(&rest, ",");
        uint64_t ms;
        if (!number("later", word, last + 1u, LATER_MOST_MS, &ms))
            return false;
        if (count == SAMPLE_MAX_LATER) {
            fprintf(stderr, "%s: --later takes at most %d numbers\n", program_invocation_short_name,
                    SAMPLE_MAX_LATER);
            return false;
        }
        last = options.later_ms[count++] = (unsigned)ms;
    }
    return true;
}

static bool parse(int argc, char **argv) {
    enum {
        DESCRIBE,
        RUN,
        THREADS,
        OPS,
        SEED,
        CPUS,
        VERIFY,
        HOLD,
        LATER,
        GIVEN_SIZES,
        HEAP,
        THP,
        EXPECT,
        FD,
        HELP,
        LIST_CHECKS,
        LIST_ASSERTIONS,
        CHECK_NAME,
        RETURNS,
        WHOLE,
        HANGS,
        VERBOSE,
        LIST_MISUSES,
        MISUSE_NAME,
        SIZE,
        CONTROL,
        CPU_SECONDS,
        TIMEOUT
    };
    static const struct option known[] = {
        {"describe", no_argument, NULL, DESCRIBE},
        {"run", required_argument, NULL, RUN},
        {"threads", required_argument, NULL, THREADS},
        {"ops", required_argument, NULL, OPS},
        {"seed", required_argument, NULL, SEED},
        {"cpus", required_argument, NULL, CPUS},
        {"verify", no_argument, NULL, VERIFY},
        {"hold", required_argument, NULL, HOLD},
        {"later", required_argument, NULL, LATER},
        {"sizes", required_argument, NULL, GIVEN_SIZES},
        {"heap", required_argument, NULL, HEAP},
        {"thp", required_argument, NULL, THP},
        {"expect", required_argument, NULL, EXPECT},
        {"fd", required_argument, NULL, FD},
        {"list-checks", no_argument, NULL, LIST_CHECKS},
        {"list-assertions", no_argument, NULL, LIST_ASSERTIONS},
        {"check", required_argument, NULL, CHECK_NAME},
        {"returns", required_argument, NULL, RETURNS},
        {"whole", no_argument, NULL, WHOLE},
        {"hangs", no_argument, NULL, HANGS},
        {"verbose", no_argument, NULL, VERBOSE},
        {"list-misuses", no_argument, NULL, LIST_MISUSES},
        {"misuse", required_argument, NULL, MISUSE_NAME},
        {"size", required_argument, NULL, SIZE},
        {"control", no_argument, NULL, CONTROL},
        {"cpu-seconds", required_argument, NULL, CPU_SECONDS},
        {"timeout", required_argument, NULL, TIMEOUT},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    bool good = true;
    for (int c; good && (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case DESCRIBE: options.describe = true; break;
        case RUN: options.workload = optarg; break;
        case THREADS:
            good = number("threads", optarg, 1, SAMPLE_MAX_THREADS, &options.threads);
            break;
        case OPS: good = number("ops", optarg, 1, UINT64_MAX / 2, &options.ops); break;
        case SEED: good = number("seed", optarg, 0, INT64_MAX, &options.seed); break;
        case CPUS: good = number("cpus", optarg, 1, UINT_MAX, &options.cpus); break;
        case VERIFY: options.verify = true; break;
        case HOLD: good = number("hold", optarg, 0, 60000, &options.hold_ms); break;
        case LATER: good = parse_later(optarg); break;
        case GIVEN_SIZES: options.sizes = optarg; break;
        case HEAP: options.heap = optarg; break;
        case THP: options.thp = optarg; break;
        case EXPECT: options.expected = optarg; break;
        case FD: good = number("fd", optarg, 0, 1023, &options.fd); break;
        case LIST_CHECKS: options.list_checks = true; break;
        case LIST_ASSERTIONS: options.list_assertions = true; break;
        case CHECK_NAME: options.check = optarg; break;
        case RETURNS: options.returns = optarg; break;
        case WHOLE: options.whole = true; break;
        case HANGS: options.hangs = true; break;
        case VERBOSE: options.verbose = true; break;
        case LIST_MISUSES: options.list_misuses = true; break;
        case MISUSE_NAME: options.misuse = optarg; break;
        case SIZE: options.size = optarg; break;
        case CONTROL: options.control = true; break;
        case CPU_SECONDS:
            good = number("cpu-seconds", optarg, 1, 86400, &options.cpu_seconds);
            break;
        case TIMEOUT: good = number("timeout", optarg, 1, 86400, &options.timeout); break;
        case HELP: usage(stdout); exit(GOOD);
        default: good = false;
        }
    }
    const int asked = options.describe + options.list_checks + options.list_assertions +
                      options.list_misuses + !!options.workload + !!options.check +
                      !!options.returns + !!options.misuse;
    if (good && optind == argc && asked == 1)
        return true;
    usage(stderr);
    return false;
}

/* Before the first operation. False: it cannot be, and the record says why. */
static bool set_huge_pages(void) {
    char problem[200]          = "";
    const enum huge_pages mode = options.thp ? huge_pages_of(options.thp) : HUGE_PAGES_UNKNOWN;
    if (!options.thp ||
        (mode != HUGE_PAGES_UNKNOWN && huge_pages_set(mode, problem, sizeof problem)))
        return true;
    if (mode == HUGE_PAGES_UNKNOWN)
        snprintf(problem, sizeof problem, "--thp takes never, madvise or always, not '%.40s'",
                 options.thp);
    error(WRONG_USE, "environment", problem);
    return false;
}

/* False: they are wrong, and the record says how. */
static bool read_sizes(void) {
    char problem[200];
    if (!options.sizes || given_sizes_parse(options.sizes, &sizes, problem, sizeof problem))
        return true;
    error(WRONG_USE, "environment", problem);
    return false;
}

int main(int argc, char **argv) {
    static char text[128 << 10];
    json_begin(&out, text, sizeof text);
    if (!parse(argc, argv) || !read_sizes() || !set_huge_pages())
        return WRONG_USE;
    if (!identity_bind(&allocator, options.expected, &bound, &identity))
        return error(WRONG_USE, "identity", identity.problem);
    if (options.describe)
        return describe();
    if (options.list_checks)
        return list(conformance_list);
    if (options.list_assertions)
        return list(conformance_list_assertions);
    if (options.check)
        return check(options.check, argv);
    if (options.returns)
        return returns(options.returns);
    if (options.list_misuses)
        return list(hardening_list);
    if (options.misuse)
        return misuse(options.misuse);
    for (size_t i = 0; options.workload && i < WORKLOADS; i++)
        if (strcmp(workloads[i]->name, options.workload) == 0)
            return run(workloads[i]);
    fprintf(stderr, "%s: no workload '%s'\n", program_invocation_short_name, options.workload);
    usage(stderr);
    return WRONG_USE;
}
