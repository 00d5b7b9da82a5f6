#include "save.h"

#include "progress.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ENTRY_BYTES   = 2 << 10,  /* of the file, generously */
    CONTEXT_BYTES = 64 << 10, /* likewise */
};

static void warn(const char *text) {
    progress_clear();
    text_say("%s", text);
}

static json_t *make(const void *save) {
    const struct save *j = save;
    return bench_json_make(j->context, j->entry, j->entries, false);
}

bool save_open(struct save *j, const char *parent, size_t entries, json_t *context) {
    char problem[RESULTS_PROBLEM_BYTES] = "out of memory";
    *j                                  = (struct save){
                                         .context = context, .entry = calloc(entries, sizeof *j->entry), .limit = entries};
    if (j->entry && results_open(&j->results, parent, problem, sizeof problem)) {
        if (results_create(&j->results, "bench.json", CONTEXT_BYTES + entries * ENTRY_BYTES,
                           &j->file, problem, sizeof problem)) {
            j->checkpoint = (struct checkpoint){
                .results = &j->results, .name = "bench.json", .make = make, .arg = j};
            checkpoint_begin(&j->checkpoint);
            return true;
        }
        results_remove(&j->results);
    }
    warn(problem);
    free(j->entry);
    json_decref(context);
    return false;
}

/* False: `problem` says why. */
static bool dump(const struct save *j, FILE *to, bool complete, char *problem, size_t size) {
    json_t *document = bench_json_make(j->context, j->entry, j->entries, complete);
    errno            = 0;
    const bool good =
        document && json_dumpf(document, to, JSON_INDENT(1)) == 0 && fputc('\n', to) != EOF;
    if (!document)
        snprintf(problem, size,
                 "cannot make bench.json: out of memory, or a text that is not UTF-8");
    else if (!good)
        snprintf(problem, size, "cannot write bench.json: %s",
                 strerrordesc_np(errno ? errno : EIO));
    json_decref(document);
    return good;
}

void save_renew(struct save *j, double next_seconds) {
    checkpoint_renew(&j->checkpoint, next_seconds);
}

void save_add(struct save *j, const struct entry *entry) {
    if (j->entries == j->limit)
        abort(); /* more samples than the plan has */
    j->entry[j->entries++] = *entry;
    checkpoint_add(&j->checkpoint);
}

void save_add_failed_pass(struct save *j, const char *row, const char *cause) {
    json_t *list = json_object_get(j->context, "timeline_failures");
    json_array_append_new(list, json_pack("{s:s, s:s}", "name", row, "cause", cause));
}

void save_add_pass(struct save *j, json_t *reached) {
    json_array_append_new(json_object_get(j->context, "timeline_passes"), reached);
}

void save_add_long_rest(struct save *j, const char *row, const struct entry *entry,
                        const char *cause) {
    json_array_append_new(json_object_get(j->context, "long_rests"),
                          bench_json_rest(row, entry, cause));
    checkpoint_add(&j->checkpoint);
}

/* A new file in $TMPDIR: another user's of the same name is neither followed nor overwritten. */
static FILE *open_rescue(const struct save *j, char *path, size_t size) {
    const char *tmp = getenv("TMPDIR");
    snprintf(path, size, "%s/spanbench-%s-XXXXXX.json", tmp && *tmp ? tmp : "/tmp",
             j->results.name);
    const int fd = mkostemps(path, (int)strlen(".json"), O_CLOEXEC);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

static void rescue(const struct save *j, bool complete) {
    char path[PATH_MAX], problem[RESULTS_PROBLEM_BYTES] = "cannot make a file there";
    FILE *f         = open_rescue(j, path, sizeof path);
    const bool good = f && dump(j, f, complete, problem, sizeof problem);
    if (f && fclose(f) == 0 && good) {
        text_say("the samples are in %s instead", path);
        return;
    }
    if (f)
        unlink(path);
    text_say("cannot write %s either (%s); the samples follow on standard output:", path, problem);
    dump(j, stdout, complete, problem, sizeof problem);
}

bool save_close(struct save *j, bool complete) {
    char problem[RESULTS_PROBLEM_BYTES];
    bool good = true;
    checkpoint_end();
    if (!j->entries) {
        results_discard(&j->file);
        results_remove(&j->results);
    } else if (dump(j, j->file.stream, complete, problem, sizeof problem) &&
               results_commit(&j->file, problem, sizeof problem)) {
        good = !complete || results_publish(&j->results, "latest", problem, sizeof problem);
        if (!good)
            warn(problem);
    } else {
        good = false;
        warn(problem);
        results_discard(&j->file);
        rescue(j, complete);
    }
    json_decref(j->context);
    free(j->entry);
    return good;
}
