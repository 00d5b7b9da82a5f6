/* Runs the program with the counter, and looks at all its processes until it ends. */
#ifndef SPANBENCH_WHY_OBSERVE_H
#define SPANBENCH_WHY_OBSERVE_H

#include "books.h"

struct observation {
    const char *path; /* of the program */
    char *const *argv;
    const char *preload; /* LD_PRELOAD: the counter first */
    double interval_seconds, seconds;
    bool to_stderr;            /* the program's standard output is this process's standard error */
    void (*looked)(void *arg); /* called after each look, with `watched` up to date; NULL: nobody */
    void *arg;

    /* What comes out. */
    int error;         /* an errno: it could not be started */
    int status;        /* of the program, as waitpid has it; if `ended` */
    bool ended;        /* by itself */
    bool stopped;      /* its time was over */
    bool too_many;     /* it had more than DESCENDANTS_MOST processes at once, and was killed */
    int interrupted;   /* by this signal; 0 */
    size_t left;       /* processes that lived on, and were ended here */
    double watched;    /* seconds */
    char why_not[400]; /* where the first process was seen, and has no book: why */
};

/* The program keeps this process's standard input and terminal, and its standard output but for
 * `to_stderr`. */
void observe(struct observation *, struct books *);

#endif
