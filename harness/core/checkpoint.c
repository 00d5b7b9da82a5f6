#include "checkpoint.h"

#include "progress.h"
#include "spawn.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* A file is renewed when a result has waited for so long. The rest of the second is for the
 * writing, and for the steps of the tick. */
static const double limit_seconds = 0.6, tick_seconds = 0.2;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void say(const char *text) {
    progress_clear();
    text_say("%s", text);
}

/* False: `problem` says why. */
static bool write_file(const struct checkpoint *c, char *problem, size_t size) {
    struct results_file file = {0};
    json_t *document         = c->make(c->arg);
    bool good                = false;
    snprintf(problem, size, "cannot make %s: out of memory, or a text that is not UTF-8", c->name);
    if (document && results_create(c->results, c->name, 0, &file, problem, size)) {
        file.hurried = true;
        errno        = 0;
        good         = json_dumpf(document, file.stream, JSON_INDENT(1)) == 0 &&
               fputc('\n', file.stream) != EOF;
        if (!good)
            snprintf(problem, size, "cannot write %s: %s", c->name,
                     strerrordesc_np(errno ? errno : EIO));
        good = good && results_commit(&file, problem, size);
    }
    results_discard(&file);
    json_decref(document);
    return good;
}

void checkpoint_renew(struct checkpoint *c, double next_seconds) {
    char problem[RESULTS_PROBLEM_BYTES];
    if (c->trouble || c->waiting_since <= 0 ||
        (next_seconds >= 0 && now() + next_seconds - c->waiting_since < limit_seconds))
        return;
    c->waiting_since = 0;
    c->trouble       = !write_file(c, problem, sizeof problem);
    if (!c->trouble)
        return;
    say(problem);
    say("the run goes on: space for the final file is reserved");
}

void checkpoint_add(struct checkpoint *c) {
    if (c->waiting_since <= 0)
        c->waiting_since = now();
}

static void tick(void *arg, pid_t child, double seconds_since_start) {
    (void)child;
    (void)seconds_since_start;
    checkpoint_renew(arg, 0);
}

void checkpoint_begin(struct checkpoint *c) {
    spawn_set_tick(tick, tick_seconds, c);
}

void checkpoint_end(void) {
    spawn_set_tick(NULL, 0, NULL);
}
