#include "journal.h"

#include "progress.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CHECKPOINT_SECONDS = 5,
    ENTRY_BYTES        = 2 << 10,  /* of the file, generously */
    CONTEXT_BYTES      = 64 << 10, /* likewise */
    PROBLEM_BYTES      = 3 * PATH_MAX,
};

static void warn(const char *text) {
    progress_clear();
    fprintf(stderr, "spanbench: %s\n", text);
}

bool journal_open(struct journal *j, const char *parent, size_t entries, json_t *context) {
    char problem[PROBLEM_BYTES] = "out of memory";
    *j = (struct journal){.context = context, .entry = calloc(entries, sizeof *j->entry)};
    if (j->entry && results_open(&j->results, parent, problem, sizeof problem)) {
        if (results_create(&j->results, "bench.json", CONTEXT_BYTES + entries * ENTRY_BYTES,
                           &j->file, problem, sizeof problem)) {
            j->checkpoint = time(NULL);
            return true;
        }
        results_remove(&j->results);
    }
    warn(problem);
    return false;
}

static bool dump(const struct journal *j, FILE *to, bool complete) {
    json_t *document = document_make(j->context, j->entry, j->entries, complete);
    const bool good  = document && json_dumpf(document, to, JSON_INDENT(1)) == 0;
    json_decref(document);
    return good && fputc('\n', to) != EOF;
}

/* A failure is said once; the end is tried all the same, for its space was reserved. */
static void renew(struct journal *j) {
    struct results_file file    = {0};
    char problem[PROBLEM_BYTES] = "cannot write bench.json";
    j->disk_trouble =
        !results_create(&j->results, "bench.json", 0, &file, problem, sizeof problem) ||
        !dump(j, file.stream, false) || !results_commit(&file, problem, sizeof problem);
    results_discard(&file);
    if (!j->disk_trouble)
        return;
    warn(problem);
    warn("the run goes on: the space for its end is reserved");
}

void journal_add(struct journal *j, const struct entry *entry) {
    const long now = (long)time(NULL);
    if (!j->disk_trouble && now - j->checkpoint >= CHECKPOINT_SECONDS) {
        j->checkpoint = now;
        renew(j);
    }
    j->entry[j->entries++] = *entry;
}

static void rescue(const struct journal *j, bool complete) {
    const char *tmp = getenv("TMPDIR");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/spanbench-%s.json", tmp && *tmp ? tmp : "/tmp",
             j->results.name);
    FILE *f         = fopen(path, "we");
    const bool good = f && dump(j, f, complete);
    if (f && fclose(f) == 0 && good) {
        fprintf(stderr, "spanbench: what was measured is in %s instead\n", path);
        return;
    }
    fprintf(stderr, "spanbench: it does not fit into %s either; here it is on standard output:\n",
            path);
    dump(j, stdout, complete);
}

bool journal_close(struct journal *j, bool complete) {
    char problem[PROBLEM_BYTES] = "cannot write bench.json";
    bool good                   = true;
    if (!j->entries) {
        results_discard(&j->file);
        results_remove(&j->results);
    } else if (dump(j, j->file.stream, complete) &&
               results_commit(&j->file, problem, sizeof problem)) {
        if (!results_publish(&j->results, problem, sizeof problem))
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
