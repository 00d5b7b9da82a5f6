#include "check.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of several threads, one writes the words; it keeps its claim, for the first one stays. Relaxed:
 * what is said is published by the verdict. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the exchange writes to it */
static bool claim(unsigned char *words) {
    return !__atomic_exchange_n(words, 1, __ATOMIC_RELAXED);
}

/* Any verdict but a failure: only where there was none. Release: the words come before. */
static void conclude(struct check_run *c, enum check_verdict verdict) {
    enum check_verdict none = CHECK_PASS;
    __atomic_compare_exchange_n(&c->verdict, &none, verdict, false, __ATOMIC_RELEASE,
                                __ATOMIC_RELAXED);
}

bool check_note(struct check_run *c, const struct check_assertion *assertion, const char *expected,
                const char *seen, ...) {
    if (!claim(&c->failing))
        return false;
    va_list args;
    va_start(args, seen);
    vsnprintf(c->seen, sizeof c->seen, seen, args);
    va_end(args);
    c->assertion = assertion;
    c->expected  = expected;
    /* release pairs with the acquire of check_failed: what is said of the failure */
    __atomic_store_n(&c->verdict, CHECK_FAIL, __ATOMIC_RELEASE);
    return false;
}

void check_choice(struct check_run *c, const char *choice) {
    if (c->verdict != CHECK_PASS)
        return;
    snprintf(c->choice, sizeof c->choice, "%s", choice);
    conclude(c, CHECK_RECORDED);
}

void check_unsupported(struct check_run *c, const char *reason, ...) {
    if (!claim(&c->excusing))
        return;
    va_list args;
    va_start(args, reason);
    vsnprintf(c->reason, sizeof c->reason, reason, args);
    va_end(args);
    conclude(c, CHECK_UNSUPPORTED);
}

void check_tell(const struct check_run *c, const char *step, ...) {
    if (!c->verbose)
        return;
    char line[300];
    va_list args;
    va_start(args, step);
    const int length = vsnprintf(line, sizeof line - 1, step, args);
    va_end(args);
    size_t bytes  = length < 0 ? 0 : (size_t)length;
    bytes         = bytes < sizeof line - 1 ? bytes : sizeof line - 2;
    line[bytes++] = '\n';
    (void)!write(STDERR_FILENO, line, bytes); /* not through stdio, which may allocate */
}

void check_doing(struct check_run *c, const char *what, ...) {
    static const char before[] = ", in ";
    va_list args;
    va_start(args, what);
    memcpy(c->doing, before, sizeof before);
    vsnprintf(c->doing + sizeof before - 1, sizeof c->doing - sizeof before + 1, what, args);
    va_end(args);
}

uint64_t check_random(struct check_run *c) {
    return contents_mix(c->seed * 0x2545f4914f6cdd1d + c->state++);
}

bool check_takes(struct check_run *c, unsigned of) {
    return c->whole || check_random(c) % of == 0;
}

size_t check_alignment(const void *block) {
    return (uintptr_t)block & -(uintptr_t)block;
}

size_t check_fundamental(size_t size) {
    size_t alignment = 1;
    while (alignment * 2 <= size && alignment < _Alignof(max_align_t))
        alignment *= 2;
    return alignment;
}

static size_t statm(unsigned field) {
    char text[128]       = "";
    const int fd         = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[length < 0 ? 0 : length] = '\0';
    char *at                      = text;
    size_t pages                  = strtoul(at, &at, 10);
    for (; field > 0; field--)
        pages = strtoul(at, &at, 10);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

size_t check_vsz(void) {
    return statm(0);
}

size_t check_data(void) {
    return statm(5);
}

size_t check_rss(void) {
    return statm(1);
}
