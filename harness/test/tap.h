/* Test Anything Protocol, version 13, for tests in C: https://testanything.org. Output through
 * stdio; a test that must not allocate is not for this header. A failure's diagnostic follows it;
 * scripts/run-test repeats both where prove shows them. Usage:
 *
 *     int main(void) {
 *         OK(2 + 2 == 4, "addition");
 *         IS(parse("7"), 7, "a number");
 *         return tap_done();
 *     }
 */
#ifndef SPANBENCH_TAP_H
#define SPANBENCH_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_tests, tap_failures;

__attribute__((format(printf, 2, 3))) static inline bool tap_result(bool good, const char *format,
                                                                    ...) {
    va_list args;
    if (tap_tests == 0)
        puts("TAP version 13");
    printf("%sok %d - ", good ? "" : "not ", ++tap_tests);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
    tap_failures += !good;
    return good;
}

/* A condition that must hold; further arguments describe it, as for printf. */
#define OK(condition, ...)                                                                         \
    (tap_result((condition), __VA_ARGS__) ||                                                       \
     (printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #condition), false))

/* Two whole numbers that must be equal; prints both if they are not. */
#define IS(got, want, ...)                                                                         \
    do {                                                                                           \
        const long long tap_got = (long long)(got), tap_want = (long long)(want);                  \
        if (!tap_result(tap_got == tap_want, __VA_ARGS__))                                         \
            printf("# %s:%d: got %lld, want %lld\n", __FILE__, __LINE__, tap_got, tap_want);       \
    } while (0)

/* A text that must contain another. */
#define CONTAINS(text, part, ...)                                                                  \
    do {                                                                                           \
        const char *tap_text = (text);                                                             \
        if (!tap_result(strstr(tap_text, (part)) != NULL, __VA_ARGS__))                            \
            printf("# %s:%d: '%s' is not in: %s\n", __FILE__, __LINE__, (part), tap_text);         \
    } while (0)

static inline void tap_skip(const char *what, const char *reason) {
    if (tap_tests == 0)
        puts("TAP version 13");
    printf("ok %d - %s # SKIP %s\n", ++tap_tests, what, reason);
}

/* Does this run take as long as it needs (make test-all)? */
static inline bool tap_all(void) {
    const char *all = getenv("TEST_ALL");
    return all && *all;
}

/* Is it one of those that TEST_ONLY names, one a line? With none there, all are. */
static inline bool tap_named(const char *what) {
    const char *names   = getenv("TEST_ONLY");
    const size_t length = strlen(what);
    if (!names || !*names)
        return true;
    for (const char *at = strstr(names, what); at; at = strstr(at + 1, what))
        if ((at == names || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0'))
            return true;
    return false;
}

/* Does this run leave out what takes long? If so, says that it is skipped. */
static inline bool tap_slow(const char *what) {
    if (tap_all() && tap_named(what))
        return false;
    tap_skip(what, tap_all() ? "not in TEST_ONLY" : "in make test-all");
    return true;
}

/* What is known to fail, and why; it does not fail the test. Where it holds after all, prove says
 * that too. */
static inline void tap_todo(bool good, const char *what, const char *reason) {
    if (tap_tests == 0)
        puts("TAP version 13");
    printf("%sok %d - %s # TODO %s\n", good ? "" : "not ", ++tap_tests, what, reason);
}

/* Prints the plan. Returns the exit code of the test: 1 if a test failed or none ran. */
static inline int tap_done(void) {
    printf("1..%d\n", tap_tests);
    return tap_failures != 0 || tap_tests == 0;
}

#endif
