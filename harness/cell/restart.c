#include "restart.h"

#include "check.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Set in the process that was started anew: it is not done twice. */
static const char mark[] = "SPANBENCH_CELL_RESTARTED=1", preload[] = "LD_PRELOAD=";

/* What the users of the allocator preload; "": nothing, for it is the C library's, is preloaded
 * already, or is in the cell. */
static void own_library(const struct allocator *a, const char *object, char path[PATH_MAX]) {
    const char *slash = strrchr(object, '/');
    if (!a->object || !*a->object)
        *path = '\0';
    else if (a->preload && slash)
        snprintf(path, PATH_MAX, "%.*s%s", (int)(slash + 1 - object), object, a->preload);
    else
        snprintf(path, PATH_MAX, "%s", object);
}

/* The environment, with another LD_PRELOAD. False: there is no room. In static memory, for setenv
 * would ask the allocator. */
static bool prepare(char **environment, size_t room, const char *libraries) {
    static char text[2 * PATH_MAX];
    size_t count         = 0;
    const char *before   = getenv("LD_PRELOAD");
    const int length     = snprintf(text, sizeof text, "%s%s%s%s", preload, before ? before : "",
                                before && *before ? ":" : "", libraries);
    environment[count++] = text;
    environment[count++] = (char *)mark;
    for (char **e = environ; *e && count < room; e++)
        if (strncmp(*e, preload, sizeof preload - 1) != 0)
            environment[count++] = *e;
    environment[count < room ? count : 0] = NULL;
    return count < room && length < (int)sizeof text;
}

void restart_for(unsigned process, const struct allocator *a, const char *object, char **argv) {
    enum { MOST = 4096 };
    static char *environment[MOST];
    char own[PATH_MAX], libraries[PATH_MAX + 32];
    const bool needs_cxx = process & PROCESS_CXX && !dlsym(RTLD_DEFAULT, "__cxa_throw");
    const bool needs_own = process && a->preload;
    if ((!needs_cxx && !needs_own) || getenv("SPANBENCH_CELL_RESTARTED"))
        return;
    own_library(a, object, own);
    if (strpbrk(own, " :")) /* the dynamic linker would take it for several */
        return;
    snprintf(libraries, sizeof libraries, "%s%s%s", own, *own && needs_cxx ? ":" : "",
             needs_cxx ? "libstdc++.so.6" : "");
    if (prepare(environment, MOST, libraries))
        execve("/proc/self/exe", argv, environment);
}
