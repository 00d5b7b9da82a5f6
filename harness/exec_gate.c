#include "exec_gate.h"

#include "exit_code.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Debian's, which its packages of scipy and statsmodels are for. */
#define PYTHON "/usr/bin/python3"

/* Writes the path of the gate: in the folder of this program or the nearest above it that has
 * scripts/gate. */
static bool find_gate(const char *program, char *gate, size_t size) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", program);
    for (char *slash; (slash = strrchr(folder, '/'));) {
        *slash           = '\0';
        const int length = snprintf(gate, size, "%s/scripts/gate/__main__.py", folder);
        if (length < (int)size && access(gate, R_OK) == 0)
            return true;
    }
    return false;
}

int gate_exec(char **words) {
    char program[PATH_MAX], gate[PATH_MAX];
    const ssize_t length             = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    if (!find_gate(program, gate, sizeof gate)) {
        text_say("scripts/gate is in no folder above %s; run the program where it was "
                 "built",
                 program);
        return EXIT_WRONG_USE;
    }
    size_t count = 0;
    while (words[count])
        count++;
    /* The whole path: Python looks for its packages from there. -E -s: Debian's, whatever
     * PYTHONPATH and the user's own folder have. */
    static char interpreter[] = PYTHON, no_variables[] = "-E", no_user[] = "-s";
    static char option[] = "--driver";
    char *const head[]   = {interpreter, no_variables, no_user, gate, option, program};
    const size_t before  = sizeof head / sizeof *head;
    char **argv          = calloc(before + count + 1, sizeof *argv);
    if (argv) {
        memcpy(argv, head, sizeof head);
        memcpy(argv + before, words, count * sizeof *argv);
        execv(PYTHON, argv);
    }
    text_say("cannot start %s: %s; run scripts/deps.sh gate", PYTHON, strerrordesc_np(errno));
    free(argv);
    return EXIT_WRONG_USE;
}
