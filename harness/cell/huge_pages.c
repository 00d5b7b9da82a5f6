#include "huge_pages.h"

#include "kernel.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

/* Linux 6.18, include/uapi/linux/prctl.h; older headers do not have it. */
enum { EXCEPT_ADVISED = 1 << 1 };

#define SWITCH "/sys/kernel/mm/transparent_hugepage/enabled"

static const char *const names[] = {"never", "madvise", "always", "unknown"};

const char *huge_pages_name(enum huge_pages mode) {
    return names[mode];
}

enum huge_pages huge_pages_of(const char *name) {
    unsigned i = 0;
    while (i < HUGE_PAGES_UNKNOWN && strcmp(names[i], name) != 0)
        i++;
    return (enum huge_pages)i;
}

/* The word in brackets of "always [madvise] never". */
static enum huge_pages of_the_machine(void) {
    char text[64] = "", word[16];
    const long fd = kernel_call(SYS_openat, AT_FDCWD, (long)SWITCH, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return HUGE_PAGES_UNKNOWN;
    kernel_call(SYS_read, fd, (long)text, sizeof text - 1, 0);
    kernel_call(SYS_close, fd, 0, 0, 0);
    for (unsigned i = 0; i < HUGE_PAGES_UNKNOWN; i++) {
        snprintf(word, sizeof word, "[%s]", names[i]);
        if (strstr(text, word))
            return (enum huge_pages)i;
    }
    return HUGE_PAGES_UNKNOWN;
}

enum huge_pages huge_pages_now(void) {
    const enum huge_pages machine = of_the_machine();
    const int disabled            = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
    if (disabled <= 0 || machine == HUGE_PAGES_UNKNOWN)
        return machine;
    if (!(disabled & EXCEPT_ADVISED))
        return HUGE_PAGES_NEVER;
    return machine < HUGE_PAGES_MADVISE ? machine : HUGE_PAGES_MADVISE;
}

bool huge_pages_set(enum huge_pages mode, char *problem, size_t size) {
    if (huge_pages_now() == mode)
        return true;
    if (mode < huge_pages_now())
        prctl(PR_SET_THP_DISABLE, 1, mode == HUGE_PAGES_NEVER ? 0 : EXCEPT_ADVISED, 0, 0);
    const enum huge_pages now = huge_pages_now();
    if (now == mode)
        return true;
    if (now == HUGE_PAGES_UNKNOWN)
        snprintf(problem, size, "this kernel has no transparent huge pages: there is no " SWITCH);
    else if (now < mode)
        snprintf(problem, size,
                 "huge pages are '%s' here, and no process can have more; as root: echo %s "
                 ">" SWITCH,
                 names[now], names[mode]);
    else
        snprintf(problem, size,
                 "this kernel cannot make '%s' of '%s' for one process (Linux 6.18 can)",
                 names[mode], names[now]);
    return false;
}
