/* The quota of CPU time, as control groups state it. */
#include "machine.h"
#include "tap.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/spanbench-test-XXXXXX";

static void put(const char *name, const char *text) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        exit(99);
    close(fd);
}

static unsigned quota(const char *membership) {
    char path[PATH_MAX];
    put("membership", membership);
    snprintf(path, sizeof path, "%s/membership", directory);
    return machine_quota(path, directory);
}

static void test_quota(void) {
    char path[PATH_MAX];
    if (!mkdtemp(directory))
        exit(99);
    snprintf(path, sizeof path, "%s/outer", directory);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/outer/inner", directory);
    mkdir(path, 0700);

    IS(machine_quota("/nonexistent", directory), UINT_MAX, "no control groups, no limit");
    IS(quota("0::/outer/inner\n"), UINT_MAX, "no cpu.max, no limit");
    put("outer/inner/cpu.max", "max 100000\n");
    IS(quota("0::/outer/inner\n"), UINT_MAX, "max means no limit");
    put("outer/inner/cpu.max", "350000 100000\n");
    IS(quota("0::/outer/inner\n"), 3, "whole CPUs");
    put("outer/inner/cpu.max", "50000 100000\n");
    IS(quota("0::/outer/inner\n"), 1, "at least one");
    put("outer/inner/cpu.max", "800000 100000\n");
    put("outer/cpu.max", "400000 100000\n");
    IS(quota("0::/outer/inner\n"), 4, "the least of the groups above, too");
    put("cpu.max", "200000 100000\n");
    IS(quota("0::/outer/inner\n"), 2, "up to the mount");
    IS(quota("0::/\n"), 2, "of the mount itself, as in a container");
    IS(quota("0::/../elsewhere\n"), 2, "of a group that is not to be seen");
    IS(quota("5:cpu:/outer\n3:memory:/x\n0::/outer\n"), 2, "behind groups of version 1");
    put("cpu.max", "900000 100000\n");
    IS(quota("0::/outer"), 4, "a line without an end");
    IS(quota("0::/out"), 9, "a group is a whole name");
    put("cpu.max", "100000\n");
    IS(quota("0::/\n"), UINT_MAX, "what is not understood does not limit");
    IS(quota("5:cpu:/outer\n"), UINT_MAX, "version 1 alone is not looked at");
    OK(machine_quota("/proc/self/cgroup", "/sys/fs/cgroup") >= 1, "this process has a CPU");

    static const char *const names[] = {"outer/inner/cpu.max",
                                        "outer/inner",
                                        "outer/cpu.max",
                                        "outer",
                                        "cpu.max",
                                        "membership",
                                        ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        remove(path);
    }
}

int main(void) {
    test_quota();
    return tap_done();
}
