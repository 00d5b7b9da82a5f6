#include "document.h"

#include <errno.h>
#include <string.h>

bool document_open(struct document *d, const char *parent, const char *name, size_t reserve) {
    char problem[RESULTS_PROBLEM_BYTES];
    *d                = (struct document){0};
    const bool opened = results_open(&d->results, parent, problem, sizeof problem);
    if (opened && results_create(&d->results, name, reserve, &d->file, problem, sizeof problem))
        return true;
    fprintf(stderr, "spanbench: %s\n", problem);
    if (opened)
        results_remove(&d->results);
    return false;
}

bool document_save(struct document *d, json_t *json) {
    char problem[RESULTS_PROBLEM_BYTES];
    errno           = 0;
    const bool made = json && json_dumpf(json, d->file.stream, JSON_INDENT(1)) == 0;
    const int error = errno;
    if (!made) {
        snprintf(problem, sizeof problem, "cannot write %s: %s", d->file.final,
                 strerrordesc_np(json && error ? error : ENOMEM));
        results_discard(&d->file);
    }
    json_decref(json);
    if (made && results_commit(&d->file, problem, sizeof problem))
        return true;
    fprintf(stderr, "spanbench: %s\n", problem);
    results_remove(&d->results);
    return false;
}

void document_give_up(struct document *d, const char *what) {
    results_discard(&d->file);
    results_remove(&d->results);
    fprintf(stderr, "spanbench: interrupted before the first %s ended; nothing is saved\n", what);
}
