#include "exec_script.h"

#include "exit_code.h"
#include "script.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int script_exec(const char *command, char **words) {
    const bool gate   = strcmp(command, "gate") == 0;
    const bool folder = gate || strcmp(command, "report") == 0; /* the others are files */
    char program[PATH_MAX], name[64], script[PATH_MAX];
    const ssize_t length             = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    snprintf(name, sizeof name, "scripts/%s%s.py", command, folder ? "/__main__" : "");
    if (!script_find(name, script, sizeof script))
        return EXIT_WRONG_USE;
    size_t count = 0;
    while (words[count])
        count++;
    /* The whole path: Python looks for its packages from there. -B: nothing is written beside what
     * is installed. */
    static char interpreter[] = SCRIPT_PYTHON, alone[] = "-EsB", option[] = "--driver";
    char *const head[]  = {interpreter, alone, script, option, program};
    const size_t before = gate ? 5 : 3;
    char **argv         = calloc(before + count + 1, sizeof *argv);
    if (argv) {
        memcpy(argv, head, before * sizeof *argv);
        memcpy(argv + before, words, count * sizeof *argv);
        execv(SCRIPT_PYTHON, argv);
    }
    text_say("cannot start %s: %s; install the package python3", SCRIPT_PYTHON,
             strerrordesc_np(errno));
    free(argv);
    return EXIT_WRONG_USE;
}
