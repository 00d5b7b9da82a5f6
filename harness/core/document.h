/* The JSON document of a run of check or harden, and the directory that it goes to. */
#ifndef SPANBENCH_DOCUMENT_H
#define SPANBENCH_DOCUMENT_H

#include "checkpoint.h"
#include "results.h"

#include <jansson.h>

struct document {
    struct results results;
    struct results_file file;
    struct checkpoint checkpoint;
};

/* Makes the directory of the run in `parent` and reserves so many bytes for the file `name`. What
 * is not needed of them is given back. False: standard error says why, and nothing of it stays. */
bool document_open(struct document *, const char *parent, const char *name, size_t reserve);

/* From now on, the file is at most a second behind what is added (checkpoint.h). `make` makes the
 * document of `arg`. */
void document_begin(struct document *, const char *name, json_t *(*make)(const void *arg),
                    const void *arg);

/* A result was added. */
void document_add(struct document *);

/* Writes the document, which becomes its own, whole or not at all; NULL: there was no memory for
 * it. False: standard error says why. */
bool document_save(struct document *, json_t *);

/* Ends a run that was interrupted before its first `what` ended; nothing of it stays. */
void document_give_up(struct document *, const char *what);

#endif
