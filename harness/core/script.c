#include "script.h"

#include "exit_code.h"
#include "spawn.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRIPT_WORDS = 16 };

bool script_find(const char *name, char *path, size_t size) {
    char program[PATH_MAX], folder[PATH_MAX];
    const ssize_t length             = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    memcpy(folder, program, sizeof folder);
    for (char *slash; (slash = strrchr(folder, '/'));) {
        *slash            = '\0';
        const int written = snprintf(path, size, "%s/%s", folder, name);
        if (written < (int)size && access(path, R_OK) == 0)
            return true;
    }
    text_say("%s is in no folder above %s; run the program where it was built or installed", name,
             program);
    return false;
}

static _Noreturn void become(const char *path, const char *const *words, bool quietly) {
    const char *argv[SCRIPT_WORDS + 4] = {SCRIPT_PYTHON, "-EsB", path};
    size_t n                           = 3;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    spawn_restore_signals();
    while (*words && n < SCRIPT_WORDS + 3)
        argv[n++] = *words++;
    const int null = quietly ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    if (null >= 0)
        dup2(null, STDOUT_FILENO);
    execv(SCRIPT_PYTHON, (char *const *)argv); /* as exec wants it, which does not write to it */
    text_say("cannot start %s: %s; run scripts/deps.sh bench", SCRIPT_PYTHON,
             strerrordesc_np(errno));
    _exit(EXIT_SIGNALLED - 1);
}

int script_run(const char *path, const char *const *words, bool quietly) {
    int status;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        become(path, words, quietly);
    if (child < 0) {
        text_say("cannot start %s: %s", path, strerrordesc_np(errno));
        return -1;
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    if (WIFSIGNALED(status))
        return EXIT_SIGNALLED + WTERMSIG(status);
    return WEXITSTATUS(status) == EXIT_SIGNALLED - 1 ? -1 : WEXITSTATUS(status);
}
