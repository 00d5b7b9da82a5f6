#include "check.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEED(bit, slot) [bit] = {#slot, offsetof(struct allocator, slot)}
static const struct {
    const char *name;
    size_t offset;
} needs_of[CHECK_NEEDS] = {
    NEED(0, calloc),        NEED(1, realloc),        NEED(2, reallocarray),
    NEED(3, aligned_alloc), NEED(4, posix_memalign), NEED(5, memalign),
    NEED(6, usable_size),   NEED(7, free_sized),     NEED(8, free_aligned_sized),
    NEED(9, purge),
};
_Static_assert(NEEDS_PURGE == 1u << 9 && NEEDS_FREE_SIZED == 1u << 7, "bits are those above");

const char *check_need_name(unsigned bit) {
    return needs_of[bit].name;
}

const char *check_missing(const struct allocator *a, unsigned needs) {
    for (unsigned bit = 0; bit < CHECK_NEEDS; bit++) {
        const void *function;
        memcpy(&function, (const char *)a + needs_of[bit].offset, sizeof function);
        if (needs & 1u << bit && !function)
            return needs_of[bit].name;
    }
    return NULL;
}

/* Of several threads, one writes the text. Acquire pairs with the release in check_unsupported: its
 * text comes before. A failure keeps its claim, for the first one stays. */
static bool claim(struct check_run *c) {
    return !__atomic_exchange_n(&c->noting, 1, __ATOMIC_ACQUIRE);
}

bool check_note(struct check_run *c, const struct check_assertion *assertion, const char *expected,
                const char *seen, ...) {
    if (!claim(c))
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
    c->verdict = CHECK_RECORDED;
    snprintf(c->choice, sizeof c->choice, "%s", choice);
}

void check_unsupported(struct check_run *c, const char *reason, ...) {
    if (!claim(c))
        return;
    va_list args;
    va_start(args, reason);
    vsnprintf(c->seen, sizeof c->seen, reason, args);
    va_end(args);
    __atomic_store_n(&c->verdict, CHECK_UNSUPPORTED, __ATOMIC_RELAXED); /* before the next claim */
    __atomic_store_n(&c->noting, 0, __ATOMIC_RELEASE); /* pairs with that of claim */
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

/* SplitMix64: Steele, Lea, Flood, OOPSLA 2014. */
uint64_t check_mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

uint64_t check_random(struct check_run *c) {
    return check_mix(c->seed * 0x2545f4914f6cdd1d + c->state++);
}

/* Words that differ from place to place, so that a block that moved by some bytes is found, too. */
static uint64_t word_at(uint64_t key, size_t word) {
    return check_mix(key) + word * 0xd1342543de82ef95;
}

void check_fill(void *block, size_t size, uint64_t key) {
    unsigned char *bytes = block;
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        const uint64_t word = word_at(key, at / sizeof word);
        memcpy(bytes + at, &word, size - at < sizeof word ? size - at : sizeof word);
    }
}

size_t check_intact(const void *block, size_t size, uint64_t key) {
    const unsigned char *bytes = block;
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        const uint64_t word = word_at(key, at / sizeof word);
        const size_t part   = size - at < sizeof word ? size - at : sizeof word;
        if (memcmp(bytes + at, &word, part) == 0)
            continue;
        for (size_t i = 0; i < part; i++)
            if (bytes[at + i] != (unsigned char)(word >> 8 * i))
                return at + i;
    }
    return size;
}

size_t check_zero(const void *block, size_t size) {
    const unsigned char *bytes = block;
    for (size_t at = 0; at < size; at++)
        if (bytes[at])
            return at;
    return size;
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
