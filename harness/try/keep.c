#include "keep.h"

#include "progress.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CURVE_LINE_BYTES = 128 };
static const double renew_seconds = 5;

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

bool keep_renew(struct keep *k, const struct trial *t, bool at_once) {
    struct results_file file = {0};
    char problem[RESULTS_PROBLEM_BYTES];
    const double now = measure_now();
    if (k->trouble || (!at_once && now - k->renewed < renew_seconds))
        return !k->trouble;
    k->renewed = now;
    k->trouble = !results_create(&k->results, "program.json", 0, &file, problem, sizeof problem) ||
                 !dump(t, file.stream, false, problem, sizeof problem) ||
                 !results_commit(&file, problem, sizeof problem);
    results_discard(&file);
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
    bool any = json_array_size(t->runs) > 0;
    for (size_t i = 0; i < t->lineup.rows; i++)
        any |= *t->lineup.row[i].cause && !t->lineup.row[i].absent;
    return any;
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
