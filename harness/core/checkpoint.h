/* The file of a run while the run goes on: at most a second behind what was measured, so that a
 * driver that is killed loses no more. Each time it is replaced as a whole, and says that the run
 * is not complete. */
#ifndef SPANBENCH_CHECKPOINT_H
#define SPANBENCH_CHECKPOINT_H

#include "results.h"

#include <jansson.h>

struct checkpoint {
    const struct results *results;
    const char *name;                 /* of the file */
    json_t *(*make)(const void *arg); /* the document so far, a new object; NULL: out of memory */
    const void *arg;
    double waiting_since; /* when the first result came that is not in the file; 0: all are */
    bool trouble; /* the file could not be written; that is said once, and not tried again */
};

/* From now on, results that wait are written also while this process waits for a child
 * (spawn_set_tick). The checkpoint must stay where it is until checkpoint_end. */
void checkpoint_begin(struct checkpoint *);
void checkpoint_end(void);

/* A result was added to what `make` makes its document of. */
void checkpoint_add(struct checkpoint *);

/* Writes the results that wait, if they would wait too long for the next call, which comes in so
 * many seconds. Below 0: that is not known. */
void checkpoint_renew(struct checkpoint *, double next_seconds);

#endif
