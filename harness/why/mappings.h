/* The mappings of a process, as /proc/PID/smaps tells them, and which of their pages are there. */
#ifndef SPANBENCH_WHY_MAPPINGS_H
#define SPANBENCH_WHY_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PRESENT_PAGE = 4096 };

struct mapping {
    uint64_t start, end;
    char rights[5];    /* "rw-p" */
    char name[96];     /* the end of its path; "": anonymous */
    int64_t rss, huge; /* bytes; huge: AnonHugePages */
};

struct mappings {
    struct mapping *item;
    size_t count, room;
};

/* Reads such a file, in the order of addresses; no two overlap, also if the process maps meanwhile.
 * False: it is not there, or empty: the process has ended. */
bool mappings_read(struct mappings *, const char *path);

/* The memory that a process has now. Below 0: it has none, or nobody may look. */
int mappings_hold(pid_t);

/* Does the process still have it? After an exec or its end, a list of it ends early, once nobody
 * else reads it. Closes `held`. */
bool mappings_lasted(int held);
void mappings_free(struct mappings *);

/* Bytes of a range that lie in resident pages, by pagemap; below 0: that cannot be read. */
int64_t mappings_resident(int pagemap, uint64_t start, uint64_t end);

/* Which pages of this process's own mapping of a file exist: the others hold zeros, and to read one
 * would make it. `page` gets a byte for each; where that cannot be known, all exist. */
void mappings_present(const void *start, size_t bytes, unsigned char *page);

#endif
