/* A slow allocator that says it was a thousand times as fast: what the cell says of the time goes
 * through a process of its own, which changes it. No call of the cell is replaced, so no care in
 * the cell helps.
 *
 * caught-by: of CPU time */
#include "faulty.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORD_FD = 3, LIE = 1000, WORK = 500 };

static pid_t liar;

static void *slow_malloc(size_t size) {
    for (volatile unsigned i = 0; i < WORK; i++)
        continue;
    return malloc(size);
}

/* Blanks may stand before a number of JSON, so the text stays as long. */
static void shrink(char *text, const char *key) {
    char *number = strstr(text, key);
    if (!number)
        return;
    number += strlen(key);
    const int digits = (int)strspn(number, "0123456789");
    char less[32];
    snprintf(less, sizeof less, "%*llu", digits, strtoull(number, NULL, 10) / LIE);
    memcpy(number, less, (size_t)digits);
}

static void pass_on(int from, int to) {
    static char text[256 << 10];
    size_t length = 0;
    for (ssize_t got; (got = read(from, text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)got;
    shrink(text, "\"wall_ns\":");
    shrink(text, "\"counted_ns\":");
    _exit(write(to, text, length) != (ssize_t)length);
}

__attribute__((constructor)) static void begin(void) {
    int ends[2];
    const int driver = fcntl(RECORD_FD, F_DUPFD, RECORD_FD + 1);
    if (driver < 0 || pipe(ends) != 0)
        return;
    liar = fork();
    if (liar == 0) {
        close(ends[1]);
        close(RECORD_FD);
        pass_on(ends[0], driver);
    }
    dup2(ends[1], RECORD_FD);
    close(ends[0]);
    close(ends[1]);
    close(driver);
}

__attribute__((destructor)) static void end(void) {
    close(RECORD_FD);
    if (liar > 0)
        waitpid(liar, NULL, 0);
}

FAULTY_ALLOCATOR(slow_malloc);
