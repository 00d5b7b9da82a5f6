#include "why.h"

#include "checkpoint.h"
#include "descendants.h"
#include "exit_code.h"
#include "locate.h"
#include "observe.h"
#include "preload_link.h"
#include "progress.h"
#include "record.h"
#include "results.h"
#include "script.h"
#include "selection.h"
#include "spawn.h"
#include "text.h"
#include "why_options.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RESERVED_BYTES = 1 << 20 };

/* The counter lies beside this program. */
static bool find_counter(char *path, size_t size) {
    char self[PATH_MAX - 32];
    const ssize_t length          = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    char *slash                   = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    snprintf(path, size, "%s/libspanbench-why.so", self);
    if (access(path, R_OK) == 0)
        return true;
    text_say("cannot read %s: %s; build it with 'make'", path, strerrordesc_np(errno));
    return false;
}

/* Where the library of an adapter is: its cell knows. False: standard error says what is wrong. */
static bool find_allocator(const struct why_options *o, char *path, size_t size) {
    struct registry registry = {0};
    bool *chosen             = NULL;
    bool good                = false;
    *path                    = '\0';
    if (!o->common.allocators.count && !o->common.preloads.count)
        return true;
    struct options ask  = o->common;
    ask.timeout_seconds = DEFAULT_TIMEOUT;
    if (selection_open(&ask, &registry, &chosen)) {
        for (size_t i = 0; i < registry.cells; i++) {
            const struct cell *c = &registry.cell[i];
            if (o->common.preloads.count ? !*c->preload : !chosen[i])
                continue;
            const char *none = *c->skipped  ? c->skipped
                               : *c->broken ? c->broken
                               : variant_is_any(&c->variant)
                                   ? "options of an allocator belong before the command here: "
                                     "VARIABLE=VALUE spanbench why …"
                                   : cell_library(c, path);
            if (none)
                text_say("%s: %s", c->name, none);
            good = !none;
            break;
        }
    }
    if (strlen(path) >= size)
        good = false;
    free(chosen);
    registry_close(&registry);
    return good && !spawn_interrupted();
}

struct question {
    struct why_options options;
    struct books books;
    struct observation observation;
    struct results results;
    struct results_file file;
    struct checkpoint checkpoint;
    double next_save; /* not before this instant */
    struct preload_link counter, allocator;
    char path[PATH_MAX], preload[4 * PATH_MAX], script[PATH_MAX];
};

/* The counter, the allocator, and what the environment has: in this order malloc is looked up. */
static bool make_preload(struct question *q) {
    char counter[PATH_MAX], allocator[PATH_MAX];
    if (!find_counter(counter, sizeof counter) ||
        !find_allocator(&q->options, allocator, sizeof allocator))
        return false;
    if (!preload_link_open(&q->counter, counter) ||
        (*allocator && !preload_link_open(&q->allocator, allocator))) {
        text_say("cannot make a link to a library: %s", strerrordesc_np(errno));
        return false;
    }
    const char *own = getenv("LD_PRELOAD");
    snprintf(q->preload, sizeof q->preload, "%s%s%s%s%s", q->counter.path, *allocator ? ":" : "",
             *allocator ? q->allocator.path : "", own && *own ? ":" : "", own ? own : "");
    return true;
}

/* --- why.json ------------------------------------------------------------------------------------
 */

/* As the user calls the allocator; NULL: no name was given. */
static const char *allocator_name(const struct question *q) {
    return q->options.common.allocators.count ? q->options.common.allocators.item[0]
           : q->options.common.preloads.count ? q->options.common.preloads.item[0]
                                              : NULL;
}

static bool has_points(const struct books *b) {
    bool any = false;
    for (size_t i = 0; i < b->count; i++)
        any |= b->book[i]->points > 0;
    return any;
}

/* Nothing of what it allocated came to the counter. */
static bool serves_itself(const struct process_book *p) {
    return p->own && (!p->points || p->point[p->points - 1].made == 0);
}

/* The process that the answer is about, as a rule; there is one. */
static const struct process_book *largest(const struct books *b) {
    const struct process_book *found = b->book[0];
    for (size_t i = 1; i < b->count; i++)
        if (b->book[i]->peak > found->peak)
            found = b->book[i];
    return found;
}

/* What was seen so far, as of a run that is interrupted here. */
static json_t *make_so_far(const void *question) {
    const struct question *q  = question;
    struct observation so_far = q->observation;
    so_far.interrupted        = SIGKILL;
    return record_make(&so_far, &q->books, allocator_name(q));
}

/* For who kills this process. It takes at most one part in so many of the time. */
static void save_so_far(void *question) {
    enum { SHARE = 25 };
    static const double limit_seconds = 0.6;
    struct question *q                = question;
    const double now                  = books_now();
    if (now < q->next_save || !has_points(&q->books) || serves_itself(largest(&q->books)))
        return;
    checkpoint_add(&q->checkpoint);
    checkpoint_renew(&q->checkpoint, -1);
    const double cost = (books_now() - now) * SHARE;
    q->next_save      = now + (cost > limit_seconds ? cost : limit_seconds);
}

static bool save(struct question *q, json_t *record) {
    char problem[RESULTS_PROBLEM_BYTES];
    errno     = 0;
    bool good = record && json_dumpf(record, q->file.stream, JSON_INDENT(1)) == 0 &&
                fputc('\n', q->file.stream) != EOF;
    if (!good)
        snprintf(problem, sizeof problem, "cannot write why.json: %s",
                 record ? strerrordesc_np(errno ? errno : EIO) : "out of memory");
    good = good && results_commit(&q->file, problem, sizeof problem) &&
           results_publish(&q->results, "latest-why", problem, sizeof problem) &&
           results_tell(&q->results, q->options.common.directory_to, problem, sizeof problem);
    if (!good)
        text_say("%s", problem);
    return good;
}

/* What the exit code of a shell says that ran nothing (POSIX, XCU 2.8.2; so do env and the like).
 * NULL: it is none, or did run something. */
static const char *ran_nothing(const struct question *q) {
    enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127 };
    static const char *const runners[] = {"sh",  "dash", "bash",  "ksh",     "zsh",
                                          "env", "nice", "nohup", "timeout", "setsid"};
    const struct observation *o        = &q->observation;
    const char *slash                  = strrchr(q->options.program[0], '/'),
               *name                   = slash ? slash + 1 : q->options.program[0];
    bool is_runner                     = false;
    for (size_t i = 0; i < sizeof runners / sizeof *runners; i++)
        is_runner |= strcmp(name, runners[i]) == 0;
    if (!is_runner || q->books.seen > 1 || !o->ended || !WIFEXITED(o->status))
        return NULL;
    return WEXITSTATUS(o->status) == NOT_FOUND        ? "there is no such program"
           : WEXITSTATUS(o->status) == NOT_EXECUTABLE ? "the program is not executable"
                                                      : NULL;
}

/* Why there can be no answer; NULL: there can. */
static const char *problem_of(const struct question *q, char *text, size_t size) {
    const struct observation *o = &q->observation;
    if (o->error) {
        snprintf(text, size, "cannot start %s: %s", q->path, strerrordesc_np(o->error));
        return text;
    }
    if (ran_nothing(q)) {
        snprintf(text, size, "%s: %s ended with exit code %d, and ran nothing", ran_nothing(q),
                 q->options.program[0], WEXITSTATUS(o->status));
        return text;
    }
    if (!q->books.seen && o->too_many) {
        snprintf(text, size, "the program had more than %d processes at once; all were killed",
                 DESCENDANTS_MOST);
        return text;
    }
    if (!q->books.seen) {
        const char *cause = locate_unpreloadable(q->path);
        snprintf(text, size, "the counter did not take effect: %s",
                 *o->why_not ? o->why_not
                 : cause     ? cause
                             : "the program ended before it could be asked why (spanbench who -- "
                               "PROGRAM says who serves its malloc)");
        return text;
    }
    const struct process_book *p = largest(&q->books);
    if (serves_itself(p)) {
        snprintf(
            text, size,
            "%s (%d) has a malloc of its own, which no preloaded one replaces: its blocks cannot "
            "be counted from outside. Build it without, and name that allocator by --allocator "
            "or --preload; or ask its malloc for statistics",
            *p->command ? p->command : q->path, (int)p->pid);
        return text;
    }
    if (has_points(&q->books))
        return NULL;
    if (q->books.book[0]->no_sizes) {
        snprintf(text, size,
                 "%s has no malloc_usable_size: the sizes of its blocks are not known, and nothing "
                 "can be counted",
                 q->books.book[0]->object);
        return text;
    }
    char how[100] = "";
    if (o->ended && WIFSIGNALED(o->status))
        snprintf(how, sizeof how, " by %s", text_signal(WTERMSIG(o->status)));
    else if (o->ended && WIFEXITED(o->status))
        snprintf(how, sizeof how, " with exit code %d", WEXITSTATUS(o->status));
    snprintf(text, size, "the program ended%s before its memory could be looked at", how);
    return text;
}

static void say_end(const struct observation *o) {
    if (o->too_many) {
        text_say(
            "the program had more than %d processes at once, and all were killed; what follows "
            "is its memory before that",
            DESCENDANTS_MOST);
        return;
    }
    if (o->ended && WIFSIGNALED(o->status) && !o->stopped && !o->interrupted)
        text_say("the program was killed by %s; what follows is its memory before that",
                 text_signal(WTERMSIG(o->status)));
    else if (o->ended && WIFEXITED(o->status) && WEXITSTATUS(o->status) && !o->stopped &&
             !o->interrupted)
        text_say("the program ended with exit code %d", WEXITSTATUS(o->status));
    if (o->left)
        text_say("the program ended and left %zu process%s behind, which %s ended now", o->left,
                 o->left == 1 ? "" : "es", o->left == 1 ? "is" : "are");
}

/* Of processes that the answer is not about, or only in part. */
static void say_own(const struct books *b) {
    for (size_t i = 0; i < b->count; i++)
        if (b->book[i]->own)
            text_say("%s (%d) has a malloc of its own: its blocks are %s", b->book[i]->command,
                     (int)b->book[i]->pid,
                     serves_itself(b->book[i]) ? "not counted"
                                               : "counted as far as it calls the next malloc");
}

static int answer(struct question *q) {
    const struct observation *o = &q->observation;
    char text[700];
    const char *problem = problem_of(q, text, sizeof text);
    if (problem) {
        char so_far[PATH_MAX + 16]; /* of before the largest process had a malloc of its own */
        snprintf(so_far, sizeof so_far, "%s/why.json", q->results.directory);
        unlink(so_far);
        results_discard(&q->file);
        results_remove(&q->results);
        text_say("%s", problem);
        return o->error || ran_nothing(q) ? EXIT_WRONG_USE : EXIT_FINDING;
    }
    json_t *record   = record_make(o, &q->books, allocator_name(q));
    const bool saved = save(q, record);
    if (saved && q->options.json)
        json_dumpf(record, stdout, JSON_INDENT(1)), putchar('\n');
    json_decref(record);
    say_end(o);
    say_own(&q->books);
    int code = saved ? EXIT_GOOD : EXIT_WRONG_USE;
    if (saved && !q->options.json && !q->options.quiet) {
        const char *const words[] = {q->results.directory, NULL};
        fflush(stdout);
        if (script_run(q->script, words, false) != EXIT_GOOD)
            code = EXIT_WRONG_USE;
    }
    const bool failed = o->too_many || (o->ended && o->status && !o->stopped && !o->interrupted);
    return code == EXIT_GOOD && failed ? EXIT_FINDING : code;
}

static int ask(struct question *q) {
    char problem[RESULTS_PROBLEM_BYTES];
    if (!results_open(&q->results, q->options.common.out, problem, sizeof problem)) {
        text_say("%s", problem);
        return EXIT_WRONG_USE;
    }
    if (!results_create(&q->results, "why.json", RESERVED_BYTES, &q->file, problem,
                        sizeof problem)) {
        text_say("%s", problem);
        results_remove(&q->results);
        return EXIT_WRONG_USE;
    }
    if (!books_open(&q->books)) {
        results_discard(&q->file);
        results_remove(&q->results);
        return EXIT_WRONG_USE;
    }
    q->observation = (struct observation){.path             = q->path,
                                          .argv             = q->options.program,
                                          .preload          = q->preload,
                                          .interval_seconds = q->options.interval_seconds,
                                          .seconds          = q->options.seconds,
                                          .to_stderr        = q->options.json,
                                          .looked           = save_so_far,
                                          .arg              = q};
    q->checkpoint  = (struct checkpoint){
         .results = &q->results, .name = "why.json", .make = make_so_far, .arg = q};
    observe(&q->observation, &q->books);
    progress_clear();
    books_close(&q->books);
    const int code = answer(q);
    books_free(&q->books);
    return code;
}

int why_command(int argc, char **argv) {
    static struct question q;
    int code = why_options_parse(argc, argv, &q.options);
    if (code >= 0)
        return code;
    code = EXIT_WRONG_USE;
    if (locate_program(q.options.program[0], NULL, q.path, sizeof q.path) &&
        script_find("scripts/verdicts/why_verdict.py", q.script, sizeof q.script) &&
        make_preload(&q))
        code = ask(&q);
    preload_link_close(&q.counter);
    preload_link_close(&q.allocator);
    return code;
}
