#include "options.h"

#include <string.h>
#include <sys/auxv.h>

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

/* 102: before the constructors of this library that act on the options. It may come before those of
 * the C library, whose getenv then knows nothing; glibc hands the environment to each. */
__attribute__((constructor(102))) static void read_options(int argc, char **argv, char **envp) {
    const char *text;
    unsigned n;
    (void)argc;
    (void)argv;
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
