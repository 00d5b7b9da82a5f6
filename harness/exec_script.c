#include "exec_script.h"

#include "exit_code.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Debian's, which its packages of scipy, statsmodels and matplotlib are for. */
#define PYTHON "/usr/bin/python3"

/* The gate is a folder, the others are files. */
static const char *file_of(const char *command) {
    return strcmp(command, "gate") == 0 ? "gate/__main__" : command;
}

/* Writes the path of the script: in the folder of this program or the nearest above it that has it
 * in scripts/. */
static bool find_script(const char *program, const char *command, char *script, size_t size) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", program);
    for (char *slash; (slash = strrchr(folder, '/'));) {
        *slash           = '\0';
        const int length = snprintf(script, size, "%s/scripts/%s.py", folder, file_of(command));
        if (length < (int)size && access(script, R_OK) == 0)
            return true;
    }
    return false;
}

int script_exec(const char *command, char **words) {
    char program[PATH_MAX], script[PATH_MAX];
    const ssize_t length             = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    if (!find_script(program, command, script, sizeof script)) {
        text_say("scripts/%s.py is in no folder above %s; run the program where it was built or "
                 "installed",
                 file_of(command), program);
        return EXIT_WRONG_USE;
    }
    size_t count = 0;
    while (words[count])
        count++;
    /* The whole path: Python looks for its packages from there. -E -s: Debian's, whatever
     * PYTHONPATH and the user's own folder have. -B: nothing is written beside what is installed.
     */
    static char interpreter[] = PYTHON, alone[] = "-EsB", option[] = "--driver";
    char *const head[]  = {interpreter, alone, script, option, program};
    const size_t before = strcmp(command, "gate") == 0 ? 5 : 3;
    char **argv         = calloc(before + count + 1, sizeof *argv);
    if (argv) {
        memcpy(argv, head, before * sizeof *argv);
        memcpy(argv + before, words, count * sizeof *argv);
        execv(PYTHON, argv);
    }
    text_say("cannot start %s: %s; install the package python3", PYTHON, strerrordesc_np(errno));
    free(argv);
    return EXIT_WRONG_USE;
}
