#include "mapped.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool mapped_find(pid_t process, const char *library, struct mapped *m) {
    char path[64], line[PATH_MAX + 128], exe[PATH_MAX] = "";
    struct stat s;
    bool libc = false, any = false, linker = false;
    *m = (struct mapped){0};
    snprintf(path, sizeof path, "/proc/%d/exe", (int)process);
    if (readlink(path, exe, sizeof exe - 1) < 0)
        return false;
    const bool set_id = stat(path, &s) == 0 && s.st_mode & (S_ISUID | S_ISGID);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
    FILE *maps = fopen(path, "re");
    while (maps && fgets(line, sizeof line, maps)) {
        char *file = strchr(line, '/');
        any        = true;
        if (!file)
            continue;
        file[strcspn(file, "\n")] = '\0';
        const char *base          = strrchr(file, '/') + 1;
        linker |= strncmp(base, "ld-", 3) == 0;
        if (library && strcmp(file, library) == 0)
            snprintf(m->object, sizeof m->object, "%s", file);
        if (strncmp(base, "libc.so", 7) == 0 || strncmp(base, "libc-", 5) == 0) {
            libc = true;
            if (!*m->object)
                snprintf(m->object, sizeof m->object, "%s", file);
        }
    }
    if (maps)
        fclose(maps);
    if (!any)
        return false;
    if (!libc && !*m->object)
        snprintf(m->object, sizeof m->object, "%s", exe);
    if (library && strcmp(m->object, library) != 0)
        snprintf(m->why, sizeof m->why, "%s",
                 set_id    ? "the program has privileges of its own (setuid), so ld.so ignores "
                             "LD_PRELOAD"
                 : !linker ? "the program is static, so nothing can be preloaded"
                           : "the library is not in the process");
    return true;
}
