#include "preload_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char odd[] = " :$"; /* ld.so replaces $ORIGIN and its like, too */

bool preload_link_needed(const char *library) {
    return strpbrk(library, odd) != NULL;
}

/* The folder is linked rather than the file: what the library has beside it, and finds by $ORIGIN,
 * is then beside the link, too. */
static bool link_in_folder(struct preload_link *l, const char *library) {
    char folder[PATH_MAX];
    const char *slash = strrchr(library, '/');
    snprintf(l->link, sizeof l->link, "%s/preload", l->folder);
    if (!slash || preload_link_needed(slash)) {
        snprintf(l->path, sizeof l->path, "%s", l->link);
        return symlink(library, l->link) == 0;
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - library + 1), library);
    snprintf(l->path, sizeof l->path, "%s%s", l->link, slash);
    return symlink(folder, l->link) == 0;
}

/* Where files may be made for a while, by a path that needs no link itself. False: nowhere. */
static bool make_folder(struct preload_link *l) {
    const char *const places[] = {getenv("TMPDIR"), "/tmp", "/dev/shm"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *place = places[i];
        if (!place || *place != '/' || preload_link_needed(place) ||
            strlen(place) > sizeof l->folder - sizeof "/spanbench-XXXXXX")
            continue;
        snprintf(l->folder, sizeof l->folder, "%s/spanbench-XXXXXX", place);
        if (mkdtemp(l->folder))
            return true;
    }
    *l->folder = '\0';
    return false;
}

bool preload_link_open(struct preload_link *l, const char *library) {
    *l = (struct preload_link){0};
    if (!preload_link_needed(library)) {
        snprintf(l->path, sizeof l->path, "%s", library);
        return true;
    }
    if (!make_folder(l))
        return false;
    if (link_in_folder(l, library))
        return true;
    const int error = errno;
    preload_link_close(l);
    errno = error;
    return false;
}

void preload_link_close(const struct preload_link *l) {
    if (!*l->folder)
        return;
    unlink(l->link);
    rmdir(l->folder);
}
