#include "ulimits.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* Each process has some limit of files and of threads; what a check needs is far below this. */
enum { PLENTY = 1024 };

void ulimits_describe(char *text, size_t size) {
    static const struct {
        const char *what, *unit;
        rlim_t unit_size, plenty;
        __rlimit_resource_t resource;
        char option;
    } limits[] = {
        {"address space", " KiB", 1024, RLIM_INFINITY, RLIMIT_AS, 'v'},
        {"data", " KiB", 1024, RLIM_INFINITY, RLIMIT_DATA, 'd'},
        {"processor time", " s", 1, RLIM_INFINITY, RLIMIT_CPU, 't'},
        {"open files", "", 1, PLENTY, RLIMIT_NOFILE, 'n'},
        {"processes and threads of the user", "", 1, PLENTY, RLIMIT_NPROC, 'u'},
    };
    size_t length = 0;
    *text         = '\0';
    for (size_t i = 0; i < sizeof limits / sizeof *limits && length < size; i++) {
        struct rlimit limit;
        if (getrlimit(limits[i].resource, &limit) == 0 && limit.rlim_cur < limits[i].plenty)
            length += (size_t)snprintf(text + length, size - length, "%s%s %llu%s (ulimit -%c)",
                                       length ? ", " : "", limits[i].what,
                                       (unsigned long long)(limit.rlim_cur / limits[i].unit_size),
                                       limits[i].unit, limits[i].option);
    }
}
