#include "document.h"
#include "text.h"

#include <errno.h>
#include <string.h>

bool document_open(struct document *d, const char *parent, const char *name, size_t reserve) {
    char problem[RESULTS_PROBLEM_BYTES];
    *d                = (struct document){0};
    const bool opened = results_open(&d->results, parent, problem, sizeof problem);
    if (opened && results_create(&d->results, name, reserve, &d->file, problem, sizeof problem))
        return true;
    text_say("%s", problem);
    if (opened)
        results_remove(&d->results);
    return false;
}

void document_begin(struct document *d, const char *name, json_t *(*make)(const void *arg),
                    const void *arg) {
    d->checkpoint =
        (struct checkpoint){.results = &d->results, .name = name, .make = make, .arg = arg};
    checkpoint_begin(&d->checkpoint);
}

void document_add(struct document *d) {
    checkpoint_add(&d->checkpoint);
    checkpoint_renew(&d->checkpoint, 0);
}

bool document_save(struct document *d, json_t *json) {
    char problem[RESULTS_PROBLEM_BYTES];
    checkpoint_end();
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
    text_say("%s", problem);
    results_remove(&d->results);
    return false;
}

void document_give_up(struct document *d, const char *what) {
    checkpoint_end();
    results_discard(&d->file);
    results_remove(&d->results);
    text_say("interrupted before the first %s ended; nothing is saved", what);
}
