#include "options.h"

#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

enum { RETAIN_DEFAULT = 10, RETAIN_MAX = 1000 };

struct options options = {.scavenge = true, .retain_percent = RETAIN_DEFAULT};

static bool parse_number(const char *text, unsigned most, unsigned *number) {
    unsigned n = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || n > most)
            return false;
        n = n * 10 + (unsigned)(*text - '0');
    }
    if (n > most)
        return false;
    *number = n;
    return true;
}

static const char *value_of(const char *name, char **environment) {
    const size_t length = strlen(name);
    for (char **v = environment; v && *v; v++)
        if (strncmp(*v, name, length) == 0 && (*v)[length] == '=')
            return *v + length + 1;
    return NULL;
}

static void read_from(char **envp) {
    const char *text;
    unsigned n;
    if (getauxval(AT_SECURE)) /* the environment is not the owner's */
        return;
    if ((text = value_of("GOMALLOC_SCAVENGE", envp))) {
        options.scavenge_thread = strcmp(text, "thread") == 0;
        options.scavenge        = strcmp(text, "0") != 0;
    }
    if ((text = value_of("GOMALLOC_RETAIN", envp)) && parse_number(text, RETAIN_MAX, &n))
        options.retain_percent = n;
    if ((text = value_of("GOMALLOC_STATS", envp)))
        options.stats = strcmp(text, "1") == 0;
}

/* 102: before the constructors of this library that act on the options. It may come before those of
 * the C library, whose getenv then knows nothing; glibc hands the environment to each. musl does
 * not, but knows it before any constructor. */
#ifdef __GLIBC__
__attribute__((constructor(102))) static void read_options(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    read_from(envp);
}
#else
__attribute__((constructor(102))) static void read_options(void) {
    read_from(environ);
}
#endif
