#include "hardening.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PROTOCOL = 1 };

static struct misuse_run run;
static int lines;

/* The first in the order of names, behind `last` if it is not NULL; however many there are. Two of
 * one name are both found. */
static const struct misuse *const *next_by_name(const struct misuse *const *last) {
    const struct misuse *const *next = NULL;
    for (const struct misuse *const *p = misuse_first; p < misuse_end; p++) {
        const int to_last = last ? strcmp((*p)->name, (*last)->name) : 1;
        if ((to_last > 0 || (to_last == 0 && p > last)) &&
            (!next || strcmp((*p)->name, (*next)->name) < 0))
            next = p;
    }
    return next;
}

void hardening_list(struct json *out) {
    json_open(out, NULL, '{');
    json_uint(out, "protocol", PROTOCOL);
    json_open(out, "misuses", '[');
    for (const struct misuse *const *p = NULL; (p = next_by_name(p)) != NULL;) {
        json_open(out, NULL, '{');
        json_string(out, "name", (*p)->name);
        json_string(out, "weakness", (*p)->weakness);
        json_string(out, "summary", (*p)->summary);
        json_bool(out, "sizeless", (*p)->sizeless);
        json_close(out, '}');
    }
    json_close(out, ']');
    json_close(out, '}');
}

enum misuse_size hardening_size(const char *name) {
    unsigned size = 0;
    while (size < MISUSE_SIZES && strcmp(misuse_size_name[size], name) != 0)
        size++;
    return (enum misuse_size)size;
}

/* Ends the line and writes it; a line that cannot be written is found missing by the reader. */
static void put(struct json *line) {
    json_close(line, '}');
    json_end(line);
    for (size_t done = 0; done < line->length;) {
        const ssize_t wrote = write(lines, line->text + done, line->length - done);
        if (wrote < 0 && errno != EINTR)
            _exit(2);
        done += wrote < 0 ? 0 : (size_t)wrote;
    }
}

/* Before the line on the step, whose reader so knows that the mark is there. */
static void mark(void) {
    if (lines != STDOUT_FILENO && write(STDERR_FILENO, HARDENING_MARK, strlen(HARDENING_MARK)) < 0)
        return; /* closed: it has no words either */
}

/* A line of two strings. */
static void put_pair(const char *key, const char *value, const char *more, const char *text) {
    char buffer[1024];
    struct json line;
    json_begin(&line, buffer, sizeof buffer);
    json_open(&line, NULL, '{');
    json_string(&line, key, value);
    json_string(&line, more, text);
    put(&line);
}

static void tell(enum misuse_step step, const char *what) {
    put_pair("step", misuse_step_name[step], "what", what);
}

/* Without anything that runs at an exit: the heap may be in any state. */
static __attribute__((noreturn)) void end(const char *outcome, const char *seen) {
    put_pair("outcome", outcome, "seen", seen);
    _exit(0);
}

static void head(const struct hardening_request *q) {
    char text[4096];
    struct json line;
    json_begin(&line, text, sizeof text);
    json_open(&line, NULL, '{');
    json_uint(&line, "protocol", PROTOCOL);
    json_string(&line, "allocator", program_invocation_short_name);
    json_string(&line, "object", q->object);
    json_string(&line, "misuse", q->name);
    json_string(&line, "size", misuse_size_name[q->size]);
    json_uint(&line, "seed", q->seed);
    json_bool(&line, "control", q->control);
    put(&line);
}

void hardening_run(const struct hardening_request *q, const struct allocator *a) {
    const struct misuse *const *p = misuse_first;
    while (p < misuse_end && strcmp((*p)->name, q->name) != 0)
        p++;
    if (p == misuse_end)
        return;
    /* hundreds of deaths would leave as many core files */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){q->cpu_seconds, q->cpu_seconds + 1});
    lines = q->fd;
    run   = (struct misuse_run){.a       = a,
                                .seed    = q->seed,
                                .class   = q->size,
                                .control = q->control,
                                .tell    = tell,
                                .mark    = mark,
                                .end     = end};
    head(q);
    const char *missing = slots_missing(a, (*p)->needs);
    if (missing)
        misuse_unsupported(&run, "the allocator has no %s", missing);
    misuse_begin(&run);
    (*p)->run(&run);
    end("survived", *run.note ? run.note : NULL);
}
