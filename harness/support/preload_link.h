/* ld.so splits LD_PRELOAD at blanks and colons. A library with such a path gets one without them
 * for a while, through a link in a temporary folder. */
#ifndef SPANBENCH_PRELOAD_LINK_H
#define SPANBENCH_PRELOAD_LINK_H

#include <limits.h>
#include <stdbool.h>

struct preload_link {
    char folder[64];     /* temporary; "": none was needed */
    char link[80];       /* in it, to the library's folder, or to the library if its name is odd */
    char path[PATH_MAX]; /* for LD_PRELOAD */
};

/* Must the library at this path have a link? */
bool preload_link_needed(const char *library);

/* Makes it, if it is needed. False: it cannot be made, and errno says why. */
bool preload_link_open(struct preload_link *, const char *library);

/* Removes it. */
void preload_link_close(const struct preload_link *);

#endif
