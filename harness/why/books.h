/* The books of all processes of the program, in a folder of memory that they share with the
 * counters, and what was seen of each process over time. */
#ifndef SPANBENCH_WHY_BOOKS_H
#define SPANBENCH_WHY_BOOKS_H

#include "split.h"

#include <stdbool.h>

enum {
    BOOKS_MOST   = 64,  /* processes; of more, the largest are kept */
    BOOKS_INNER  = 4,   /* allocators inside of a process that it is noted to have */
    BOOKS_POINTS = 256, /* of each: where there are more, every other is dropped */
};

struct process_book {
    pid_t pid, parent;
    int image; /* 0, and one more with each exec */
    char command[64];
    char object[PATH_MAX / 2];       /* the file of its malloc */
    const struct why_shared *shared; /* NULL: it has ended */
    bool no_sizes;                   /* its allocator has no malloc_usable_size: nothing is known */
    bool own;                        /* the program has a malloc of its own */
    bool unsure;                     /* its allocator's sizes are not what it promised */
    bool exited;                     /* it called exit: the last point was taken by itself, then */
    struct split *point;
    size_t points;
    unsigned every, looks; /* of the looks, one in so many is kept */
    bool temporary;        /* the last point is none of these */
    int64_t first;         /* resident as it was found, with the counter's memory */
    int64_t asked;         /* resident when it was last asked what else is inside */
    char inner[BOOKS_INNER][320];
    size_t inners;
    int64_t peak;
    struct {
        int32_t thread;
        char text[24];
    } * name; /* of threads, by the number of why_name */
};

struct books {
    char folder[128];
    int lock; /* the folder, opened and locked (flock(2)) for as long as this process lives */
    const char *short_folder; /* its last part, as it stands in mappings */
    struct process_book *book[BOOKS_MOST];
    size_t count;
    bool swept;  /* those that have ended are known to have */
    size_t seen; /* processes, also those that were not kept */
    double paid; /* CPU time of the last look, in seconds, that each process takes once */
    struct mappings maps;
    double began;
};

/* Makes the folder. Removes those of others that were killed: of this user, and locked by nobody.
 * False: standard error says why. */
bool books_open(struct books *);

/* Looks for new books, and looks at each process that lives. */
void books_look(struct books *);

/* Removes the folder and all files in it. What was seen stays. */
void books_close(struct books *);
void books_free(struct books *);

double books_now(void);
double books_cpu(void); /* of this thread: a busy machine makes a look longer, and no dearer */

#endif
