/* What the process has of memory, as the kernel counts (/proc/self/statm). Read without stdio,
 * whose buffer would count. */
#ifndef GOMALLOC_TEST_STATM_H
#define GOMALLOC_TEST_STATM_H

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
/* The stack frames that it keeps elsewhere, to find uses after a return, would count, too. */
const char *__asan_default_options(void);
__attribute__((used, visibility("default"))) const char *__asan_default_options(void) {
    return "detect_stack_use_after_return=0";
}
#endif

enum statm_field { STATM_SPACE, STATM_RESIDENT, STATM_SHARED, STATM_FIELDS };

/* Bytes; ends the process with 90 if the kernel does not tell. */
static inline size_t statm(enum statm_field field) {
    char text[128]              = "";
    size_t number[STATM_FIELDS] = {0};
    const int fd                = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (read(fd, text, sizeof text - 1) <= 0 ||
        sscanf(text, "%zu %zu %zu", &number[0], &number[1], &number[2]) != STATM_FIELDS)
        _exit(90);
    close(fd);
    return number[field] * (size_t)sysconf(_SC_PAGESIZE);
}

/* Address space. */
static inline size_t vsz(void) {
    return statm(STATM_SPACE);
}

/* Resident, without the pages of files. */
static inline size_t rss(void) {
    return statm(STATM_RESIDENT) - statm(STATM_SHARED);
}

#endif
