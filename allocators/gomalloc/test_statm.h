/* What the process has of memory, as the kernel counts: /proc/self/statm, and smaps_rollup. Read
 * without stdio, whose buffer would count. */
#ifndef GOMALLOC_TEST_STATM_H
#define GOMALLOC_TEST_STATM_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A huge page of the kernel's own will would count whole. */
__attribute__((constructor)) static void no_huge_pages(void) {
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>

/* The stack frames that it keeps elsewhere, to find uses after a return, would count, too. */
const char *__asan_default_options(void);
__attribute__((used, visibility("default"))) const char *__asan_default_options(void) {
    return "detect_stack_use_after_return=0";
}

/* Of AddressSanitizer's shadow, an eighth of all memory that was ever touched. To read of it what
 * nobody wrote makes a page resident, where the kernel has no page of zeros to share. */
static inline size_t resident_shadow(void) {
    static const char name[] = "Anonymous:";
    static char text[1 << 16];
    size_t scale = 0, offset = 0, kept = 0, sum = 0, first, last;
    bool is_shadow = false;
    __asan_get_shadow_mapping(&scale, &offset);
#if defined(__aarch64__)
    const size_t address_bits = 48;
#else
    const size_t address_bits = 47;
#endif
    const size_t end = offset + ((size_t)1 << (address_bits - scale));
    const int fd     = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
    for (ssize_t got;
         kept < sizeof text - 1 && (got = read(fd, text + kept, sizeof text - 1 - kept)) > 0;) {
        char *line                = text;
        text[kept += (size_t)got] = '\0';
        for (char *stop; (stop = strchr(line, '\n')) != NULL; line = stop + 1) {
            *stop = '\0';
            if (sscanf(line, "%zx-%zx", &first, &last) == 2)
                is_shadow = last > offset && first < end;
            else if (is_shadow && strncmp(line, name, strlen(name)) == 0)
                sum += strtoull(line + strlen(name), NULL, 10) << 10;
        }
        kept = strlen(line);
        memmove(text, line, kept);
    }
    if (fd >= 0)
        close(fd);
    return sum;
}
#else
static inline size_t resident_shadow(void) {
    return 0;
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

/* Resident, without the pages of files, and without a sanitizer's shadow. Looked for page by page:
 * in statm, some kernels leave out what each processor has counted last. */
static inline size_t rss(void) {
    static const char name[] = "\nAnonymous:";
    char text[4096]          = "";
    const int fd             = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    const bool is_read       = fd >= 0 && read(fd, text, sizeof text - 1) > 0;
    const char *line         = is_read ? strstr(text, name) : NULL;
    if (fd >= 0)
        close(fd);
    const size_t all = line ? strtoull(line + strlen(name), NULL, 10) << 10
                            : statm(STATM_RESIDENT) - statm(STATM_SHARED);
    return all - resident_shadow();
}

#endif
