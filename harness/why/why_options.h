/* The words of `spanbench why`. */
#ifndef SPANBENCH_WHY_OPTIONS_H
#define SPANBENCH_WHY_OPTIONS_H

#include "options.h"

struct why_options {
    struct options common;   /* allocators: one at most; out, cells, directory_to */
    double interval_seconds; /* the least time between two looks; 0: as short as it may be */
    double seconds;          /* stop watching after this; 0: when the program ends */
    bool json, quiet;
    char **program; /* its words, with a NULL */
};

/* Below 0: the words are right. Else the exit code; if they are wrong, standard error says how. */
int why_options_parse(int argc, char **argv, struct why_options *);

#endif
