#include "keep.h"

#include "progress.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CURVE_LINE_BYTES = 128 };
static const double share = 20, limit_seconds = 0.6; /* see can_wait */

static void warn(const char *text) {
    progress_clear();
    text_say("%s", text);
}

bool keep_open(struct keep *k, const struct try_options *o, size_t rows, size_t runs) {
    char problem[RESULTS_PROBLEM_BYTES];
    const size_t bytes  = TRIAL_ONCE_BYTES + rows * TRIAL_ROW_BYTES + runs * TRIAL_RUN_BYTES;
    const size_t curves = rows * TRIAL_CURVES * WATCH_POINTS * CURVE_LINE_BYTES;
    *k                  = (struct keep){0};
    if (!results_open(&k->results, o->common.out, problem, sizeof problem)) {
        warn(problem);
        return false;
    }
    if (results_create(&k->results, "program.json", bytes, &k->document, problem, sizeof problem) &&
        results_create(&k->results, "memory.csv", curves, &k->curves, problem, sizeof problem)) {
        trial_write_head(k->curves.stream);
        return true;
    }
    warn(problem);
    results_discard(&k->document);
    results_remove(&k->results);
    return false;
}

/* False: `problem` says why. */
static bool dump(const struct trial *t, FILE *to, bool complete, char *problem, size_t size) {
    json_t *document = trial_document(t, complete);
    errno            = 0;
    const bool good =
        document && json_dumpf(document, to, JSON_INDENT(1)) == 0 && fputc('\n', to) != EOF;
    if (!good)
        snprintf(problem, size, "cannot write program.json: %s",
                 !document ? "out of memory" : strerrordesc_np(errno ? errno : EIO));
    json_decref(document);
    return good;
}

/* Runs, and rows that failed. */
static size_t count_results(const struct trial *t) {
    size_t count = json_array_size(t->runs);
    for (size_t i = 0; i < t->lineup.rows; i++)
        count += *t->lineup.row[i].cause && !t->lineup.row[i].absent;
    return count;
}

/* False: `problem` says why. */
static bool show(struct keep *k, const struct trial *t, char *problem, size_t size) {
    struct results_file file = {0};
    const long points        = ftell(k->curves.stream);
    if (points != k->points && !results_show(&k->results, &k->curves, problem, size))
        return false;
    k->points    = points;
    bool good    = results_create(&k->results, "program.json", 0, &file, problem, size);
    file.hurried = true;
    good =
        good && dump(t, file.stream, false, problem, size) && results_commit(&file, problem, size);
    results_discard(&file);
    return good;
}

/* Not for longer than the limit; for less where the writing takes one part in `share` of the time.
 */
static bool can_wait(const struct keep *k, double now) {
    const double least = k->cost * share;
    return now - k->renewed < (least < limit_seconds ? least : limit_seconds);
}

bool keep_renew(struct keep *k, const struct trial *t, bool at_once) {
    char problem[RESULTS_PROBLEM_BYTES];
    const double now   = measure_now();
    const size_t count = count_results(t);
    if (k->trouble || (!at_once && (count == k->results_kept || can_wait(k, now))))
        return !k->trouble;
    k->results_kept = count;
    k->trouble      = !show(k, t, problem, sizeof problem);
    k->renewed      = measure_now();
    k->cost         = k->renewed - now;
    if (!k->trouble)
        return true;
    warn(problem);
    warn("the comparison goes on: space for the final file is reserved");
    return false;
}

static void rescue(const struct keep *k, const struct trial *t, bool complete) {
    char path[PATH_MAX], problem[RESULTS_PROBLEM_BYTES] = "cannot make a file there";
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/spanbench-%s-XXXXXX.json", tmp && *tmp ? tmp : "/tmp",
             k->results.name);
    const int fd    = mkostemps(path, (int)strlen(".json"), O_CLOEXEC);
    FILE *f         = fd < 0 ? NULL : fdopen(fd, "w");
    const bool good = f && dump(t, f, complete, problem, sizeof problem);
    if (f && fclose(f) == 0 && good) {
        text_say("the results are in %s instead", path);
        return;
    }
    if (f)
        unlink(path);
    text_say("cannot write %s either (%s); the results follow on standard output:", path, problem);
    dump(t, stdout, complete, problem, sizeof problem);
}

bool keep_has_something(const struct trial *t) {
    return count_results(t) > 0;
}

bool keep_close(struct keep *k, const struct trial *t, bool complete) {
    char problem[RESULTS_PROBLEM_BYTES];
    if (!keep_has_something(t)) {
        char path[PATH_MAX + 16];
        snprintf(path, sizeof path, "%s/program.json", k->results.directory);
        results_discard(&k->document);
        results_discard(&k->curves);
        unlink(path); /* of a renewal */
        results_remove(&k->results);
        return true;
    }
    bool good = results_commit(&k->curves, problem, sizeof problem);
    if (!good)
        warn(problem);
    if (!dump(t, k->document.stream, complete, problem, sizeof problem) ||
        !results_commit(&k->document, problem, sizeof problem)) {
        warn(problem);
        results_discard(&k->document);
        rescue(k, t, complete);
        return false;
    }
    if (complete && !results_publish(&k->results, "latest-try", problem, sizeof problem)) {
        warn(problem);
        good = false;
    }
    return good;
}
