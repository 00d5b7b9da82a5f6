#include "conformance.h"

#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { PROTOCOL = 1 };

static const char *const class_name[CHECK_CLASSES] = {
    [CHECK_REQUIRED]  = "required",
    [CHECK_CHOICE]    = "implementation-defined",
    [CHECK_EXTENSION] = "extension",
    [CHECK_QUALITY]   = "quality",
};
static const char *const verdict_name[] = {
    [CHECK_PASS]        = "pass",
    [CHECK_FAIL]        = "fail",
    [CHECK_UNSUPPORTED] = "not supported",
    [CHECK_RECORDED]    = "recorded",
};
static const char *const profile_name[] = {"c17", "c23", "posix2024", "glibc", "cxx17"};

static int by_name(const void *a, const void *b) {
    return strcmp((*(const struct check *const *)a)->name, (*(const struct check *const *)b)->name);
}

static void list_check(struct json *out, const struct check *check) {
    json_open(out, NULL, '{');
    json_string(out, "name", check->name);
    json_string(out, "class", class_name[check->kind]);
    json_open(out, "profiles", '[');
    for (unsigned i = 0; i < sizeof profile_name / sizeof *profile_name; i++)
        if (check->profiles & 1u << i)
            json_string(out, NULL, profile_name[i]);
    json_close(out, ']');
    json_open(out, "needs", '[');
    for (unsigned i = 0; i < NEEDS_COUNT; i++)
        if (check->needs & 1u << i)
            json_string(out, NULL, slots_name(i));
    json_close(out, ']');
    json_string(out, "clause", check->clause);
    json_string(out, "summary", check->summary);
    json_close(out, '}');
}

void conformance_list(struct json *out) {
    const size_t count = (size_t)(check_end - check_first), size = count * sizeof *check_first;
    const struct check **sorted = /* not by the allocator that is looked at */
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sorted == MAP_FAILED) {
        perror("no memory for the list of checks");
        _exit(2);
    }
    memcpy(sorted, check_first, size);
    qsort(sorted, count, sizeof *sorted, by_name);
    json_open(out, NULL, '{');
    json_uint(out, "protocol", PROTOCOL);
    json_open(out, "checks", '[');
    for (size_t i = 0; i < count; i++)
        list_check(out, sorted[i]);
    json_close(out, ']');
    json_close(out, '}');
    munmap(sorted, size);
}

static void write_assertion(struct json *out, const char *key,
                            const struct check_assertion *assertion) {
    json_open(out, key, '{');
    json_string(out, "file", assertion->file);
    json_uint(out, "line", assertion->line);
    json_string(out, "function", assertion->function);
    json_string(out, "seen", assertion->seen);
    json_close(out, '}');
}

void conformance_list_assertions(struct json *out) {
    json_open(out, NULL, '{');
    json_uint(out, "protocol", PROTOCOL);
    json_open(out, "assertions", '[');
    for (const struct check_assertion *const *p = check_assertion_first; p < check_assertion_end;
         p++)
        write_assertion(out, NULL, *p);
    json_close(out, ']');
    json_close(out, '}');
}

static void write_record(const struct check *check, const struct check_run *run, const char *object,
                         struct json *out) {
    const bool failed = run->verdict == CHECK_FAIL, excused = run->verdict == CHECK_UNSUPPORTED;
    json_open(out, NULL, '{');
    json_uint(out, "protocol", PROTOCOL);
    json_string(out, "allocator", program_invocation_short_name);
    json_string(out, "object", object);
    json_string(out, "check", check->name);
    json_uint(out, "seed", run->seed);
    json_string(out, "verdict", verdict_name[run->verdict]);
    json_string(out, "clause", check->clause);
    json_string(out, "expected", failed ? run->expected : NULL);
    if (failed)
        json_string(out, "seen", run->seen);
    else
        json_string(out, "reason", excused ? run->reason : NULL);
    if (failed && run->assertion)
        write_assertion(out, "assertion", run->assertion);
    else
        json_null(out, "assertion");
    json_string(out, "stacks", *run->stacks ? run->stacks : NULL);
    json_string(out, "choice", run->verdict == CHECK_RECORDED ? run->choice : NULL);
    json_close(out, '}');
}

static void run_verbosely(const struct check *check, struct check_run *run) {
    const struct allocator *traced = trace_begin(run->a);
    check_tell(run, "%s, %s by %s", check->name, class_name[check->kind], check->clause);
    check_tell(run, "%s; seed %llu", check->summary, (unsigned long long)run->seed);
    run->a = traced ? traced : run->a;
    check->run(run);
    check_tell(run, "verdict: %s%s%s", verdict_name[run->verdict],
               run->verdict == CHECK_RECORDED ? ", " : "", run->choice);
    if (run->verdict != CHECK_FAIL)
        return;
    check_tell(run, "expected: %s", run->expected);
    check_tell(run, "seen: %s", run->seen);
    if (traced)
        trace_print(STDERR_FILENO);
}

static const struct check *find(const char *name) {
    for (const struct check *const *p = check_first; p < check_end; p++)
        if (strcmp((*p)->name, name) == 0)
            return *p;
    return NULL;
}

/* What an adapter leaves out may be in the library that is preloaded. */
unsigned conformance_process(const char *name, const struct allocator *a) {
    const struct check *check = find(name);
    const bool lacks          = check && slots_missing(a, check->needs);
    return check ? check->process | (lacks ? PROCESS_PRELOADED : 0) : 0;
}

bool conformance_run(const char *name, const struct allocator *a, const char *object,
                     struct conformance_how how, struct json *out, bool *failed) {
    const struct check *check = find(name);
    if (!check)
        return false;
    struct check_run *run =
        mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run == MAP_FAILED)
        return false;
    *run = (struct check_run){
        .a = a, .seed = how.seed, .whole = how.whole, .hangs = how.hangs, .verbose = how.verbose};
    check_begin_clock(run, how.timeout_seconds);
    prctl(PR_SET_PTRACER,
          PR_SET_PTRACER_ANY); /* who looks at a hang is not a parent of this process */
    const char *missing = slots_missing(a, check->needs);
    if (missing)
        check_unsupported(run, "the allocator has no %s", missing);
    else if (!how.verbose)
        check->run(run);
    else
        run_verbosely(check, run);
    write_record(check, run, object, out);
    *failed = run->verdict == CHECK_FAIL;
    return true;
}
