/* The rows of a comparison: each is a way to run one program, with an allocator, and perhaps with
 * options of it. */
#ifndef SPANBENCH_TRY_LINEUP_H
#define SPANBENCH_TRY_LINEUP_H

#include "measure.h"
#include "preload_link.h"
#include "registry.h"
#include "try_options.h"

enum { NOTES = 4, NOTE_BYTES = 700 };

/* Ends the names of rows of the other build. */
#define LINEUP_AGAINST " (against)"

struct row {
    char name[96];
    char allocator[64];
    char library[PATH_MAX];       /* that is preloaded; "": none, the program's own malloc serves */
    struct preload_link preload;  /* what LD_PRELOAD has for it */
    struct variant own;           /* of this row alone */
    char note[NOTES][NOTE_BYTES]; /* what a reader of its numbers must know */
    size_t notes;
    char cause[1024];   /* why there are no results; "": there are */
    bool against;       /* of the other build, --against */
    bool absent;        /* it could not even be tried: nothing was found about the program */
    char **environment; /* all that the program gets */
};

struct lineup {
    struct row *row;
    size_t rows;
    char **plain; /* the environment without any allocator's part: of what only asks a server */
};

/* Makes the rows: of the chosen cells of the registry, of --row and --tunings, and of
 * --against. False: standard error says why. The caller closes it in any case. */
bool lineup_open(struct lineup *, const struct try_options *, const struct registry *,
                 const bool *chosen);
void lineup_close(struct lineup *);

/* Rows without a cause. */
size_t lineup_left(const struct lineup *);

#endif
