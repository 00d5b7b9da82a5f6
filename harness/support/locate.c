#include "locate.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Why it cannot be executed; NULL: it can. */
static const char *why_not(int directory, const char *path) {
    struct stat s;
    if (fstatat(directory, path, &s, 0) != 0)
        return errno == ENOENT ? "there is no such program" : strerrordesc_np(errno);
    if (S_ISDIR(s.st_mode))
        return "it is a directory";
    if (faccessat(directory, path, X_OK, AT_EACCESS) != 0)
        return errno == EACCES ? "it is not executable (chmod +x)" : strerrordesc_np(errno);
    return NULL;
}

static bool search(const char *name, char *path, size_t size, const char **why) {
    const char *list = getenv("PATH");
    *why             = "there is no such program in PATH";
    for (list = list ? list : "/usr/bin:/bin"; *list; list += *list == ':') {
        const size_t length = strcspn(list, ":");
        const char *problem = NULL;
        if (snprintf(path, size, "%.*s%s%s", (int)length, list, length ? "/" : "./", name) >=
            (int)size)
            problem = "its path is too long";
        else
            problem = why_not(AT_FDCWD, path);
        if (!problem)
            return true;
        if (access(path, F_OK) == 0)
            *why = problem;
        list += length;
    }
    return false;
}

bool locate_program(const char *name, const char *directory, char *path, size_t size) {
    const char *why = "its path is too long";
    if (!*name) {
        why = "it has no name";
    } else if (!strchr(name, '/')) {
        if (search(name, path, size, &why))
            return true;
    } else if (snprintf(path, size, "%s", name) < (int)size) {
        const int at = directory ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;
        why          = why_not(at, path);
        if (at >= 0)
            close(at);
        if (!why)
            return true;
    }
    text_say("cannot run '%s': %s%s", name, why,
             strpbrk(name, " |;&") ? "; a command for a shell takes --shell" : "");
    return false;
}

bool locate_directory(const char *directory) {
    struct stat s;
    if (!directory)
        return true;
    if (stat(directory, &s) == 0 && !S_ISDIR(s.st_mode))
        errno = ENOTDIR;
    else if (access(directory, X_OK) == 0)
        return true;
    text_say("--cwd %s: %s", directory, strerrordesc_np(errno));
    return false;
}

bool locate_input(const char *file) {
    if (!file || access(file, R_OK) == 0)
        return true;
    text_say("--input %s: %s", file, strerrordesc_np(errno));
    return false;
}
