#include "needs.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STACK_KIB = 256 }; /* texts of problems with paths in them are some 12 KiB each */

bool needs_stack(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= STACK_KIB << 10)
        return true;
    static char text[160]; /* standard error would take 8 KiB of stack */
    snprintf(text, sizeof text,
             "spanbench: the stack is limited to %llu KiB, and this program needs %d: give it more "
             "with 'ulimit -s 8192'\n",
             (unsigned long long)limit.rlim_cur >> 10, STACK_KIB);
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return false; /* whoever closed it hears nothing */
    return false;
}

static bool can_read(const char *path) {
    char byte;
    const int fd    = open(path, O_RDONLY | O_CLOEXEC);
    const bool good = fd >= 0 && read(fd, &byte, 1) == 1;
    const int error = fd < 0 || !good ? errno : 0;
    if (fd >= 0)
        close(fd);
    errno = error ? error : ENODATA;
    return good;
}

bool needs_proc(void) {
    static const char file[] = "/proc/self/status";
    if (can_read(file))
        return true;
    text_say("cannot read %s: %s; memory and processes are seen through /proc: mount it with "
             "'mount -t proc proc /proc'",
             file, strerrordesc_np(errno));
    return false;
}

bool needs_sys(void) {
    static const char file[] = "/sys/devices/system/cpu/online";
    if (can_read(file))
        return true;
    text_say("cannot read %s: %s; CPUs and their limits are seen through /sys: mount it with "
             "'mount -t sysfs sysfs /sys'",
             file, strerrordesc_np(errno));
    return false;
}
