/* The memory of a process at one instant: whose is each resident byte? From the counter's books and
 * the mappings of the same instant. */
#ifndef SPANBENCH_WHY_SPLIT_H
#define SPANBENCH_WHY_SPLIT_H

#include "mappings.h"
#include "shared.h"

enum { SPLIT_TOP = 8 };

/* All in bytes, resident, but where it says otherwise. The parts of `rss` are all that stand
 * between `requested` and `files`. */
struct split {
    double at;         /* seconds since the program began */
    int64_t rss;       /* without the counter's own memory */
    int64_t requested; /* what the program asked for and has */
    int64_t slack;     /* what it got above that */
    int64_t fragments; /* free, within 32 KiB of a live block */
    int64_t kept;      /* free, farther away: the allocator's to give back */
    int64_t huge;      /* pages never written, that huge pages made resident */
    int64_t outside;   /* anonymous, and not malloc's */
    int64_t stacks;
    int64_t files; /* code, and what else has a file */

    int64_t live;      /* usable, exact; resident or not */
    int64_t untouched; /* of that, not resident: in blocks from 16 KiB on, an estimate */
    uint64_t blocks, made;
    int64_t heap;          /* RSS of the allocator's mappings */
    unsigned arenas;       /* of glibc, beside the main one */
    int64_t arenas_memory; /* RSS of these */
    unsigned threads;      /* that ever asked for memory */
    unsigned level;        /* of the sample */

    struct split_class {
        unsigned class;
        int64_t bytes; /* exact */
        uint64_t blocks;
        uint32_t thread; /* that asked for most of it, by the sample; 0: not known */
        double share;    /* of it */
        int64_t pins;    /* free bytes within 32 KiB that its blocks hold, by the sample */
    } class[SPLIT_TOP];  /* the largest, and the one that pins the most; bytes 0: none */
    struct split_thread {
        uint32_t name;
        int64_t bytes; /* live, that it asked for: an estimate by the sample */
    } thread[SPLIT_TOP];
    int64_t all_classes[WHY_CLASSES];
};

/* `pid` lives, or is 0: then only the mappings, which were stored, are known. */
void split_take(const struct why_shared *, const struct mappings *, pid_t pid, const char *folder,
                struct split *);

#endif
