#include "result.h"

#include "json_member.h"
#include "record.h"
#include "spawn.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

const char *const harden_result_word[HARDEN_RESULT_ENDS] = {
    [HARDEN_RESULT_NONE]        = "not run",
    [HARDEN_RESULT_ACCESS]      = "access",
    [HARDEN_RESULT_CALL]        = "call",
    [HARDEN_RESULT_LATER]       = "later",
    [HARDEN_RESULT_CRASH]       = "crash",
    [HARDEN_RESULT_HANG]        = "hang",
    [HARDEN_RESULT_CORRUPT]     = "corrupt",
    [HARDEN_RESULT_SURVIVED]    = "survived",
    [HARDEN_RESULT_UNSUPPORTED] = "unsupported",
    [HARDEN_RESULT_VOID]        = "void",
};
const char harden_result_letter[HARDEN_RESULT_ENDS] = {
    [HARDEN_RESULT_NONE] = '_',        [HARDEN_RESULT_ACCESS] = 'A',
    [HARDEN_RESULT_CALL] = 'C',        [HARDEN_RESULT_LATER] = 'L',
    [HARDEN_RESULT_CRASH] = '!',       [HARDEN_RESULT_HANG] = 'H',
    [HARDEN_RESULT_CORRUPT] = 'X',     [HARDEN_RESULT_SURVIVED] = 's',
    [HARDEN_RESULT_UNSUPPORTED] = '-', [HARDEN_RESULT_VOID] = '?',
};

/* A misuse may spin for ever, so its processor time is limited. A fifth of the time-out is what it
 * would get even on a busy machine, and much more than any misuse takes. */
static uint64_t cpu_seconds(const struct options *o) {
    enum { SHARE = 5 };
    return (uint64_t)ceil(o->timeout_seconds / SHARE);
}

void harden_result_command(const struct options *o, const struct cell *cell,
                           const struct misuse_info *misuse, const char *size, uint64_t seed,
                           char *text, size_t bytes) {
    char options[200];
    snprintf(options, sizeof options,
             "--misuse %s --size %s --seed %" PRIu64 " --cpu-seconds %" PRIu64, misuse->name, size,
             seed, cpu_seconds(o));
    cell_command(cell, options, text, bytes);
}

/* What the process told, as far as it came. */
struct story {
    bool begun;     /* its first line is of this misuse, this seed, this allocator and object */
    char final[16]; /* the word of its last line; "": it did not come that far */
};

static bool is_head(const json_t *line, const struct cell *cell, const struct misuse_info *misuse,
                    const char *size, uint64_t seed, bool control) {
    return json_integer_value(json_object_get(line, "protocol")) == RECORD_PROTOCOL &&
           strcmp(member_text(line, "allocator"), cell_fact(cell, "allocator")) == 0 &&
           strcmp(member_text(line, "object"), cell_fact(cell, "object")) == 0 &&
           strcmp(member_text(line, "misuse"), misuse->name) == 0 &&
           strcmp(member_text(line, "size"), size) == 0 &&
           (uint64_t)json_integer_value(json_object_get(line, "seed")) == seed &&
           json_is_true(json_object_get(line, "control")) == control;
}

static void read_line(const json_t *line, struct story *story, struct harden_result *r) {
    const char *step = member_text(line, "step"), *final = member_text(line, "outcome");
    if (*step) {
        snprintf(r->step, sizeof r->step, "%s", step);
        snprintf(r->what, sizeof r->what, "%s", member_text(line, "what"));
    }
    if (*final) {
        snprintf(story->final, sizeof story->final, "%s", final);
        snprintf(r->seen, sizeof r->seen, "%s", member_text(line, "seen"));
    }
}

/* A cell that says that it went on. What it may say is known. */
static enum harden_result_end told(const struct story *story) {
    static const enum harden_result_end ends[] = {HARDEN_RESULT_CORRUPT, HARDEN_RESULT_SURVIVED,
                                                  HARDEN_RESULT_UNSUPPORTED};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strcmp(story->final, harden_result_word[ends[i]]) == 0)
            return ends[i];
    return HARDEN_RESULT_VOID;
}

/* A process that ended by itself before it could say that it went on. */
static enum harden_result_end died(const struct spawn_result *s, const struct harden_result *r) {
    const bool signalled = s->end == SPAWN_SIGNALED;
    const bool fault     = signalled && (s->code == SIGSEGV || s->code == SIGBUS);
    /* An exit code that is not 0, an abort or a trap show that the allocator knew. A fault shows it
     * only if the allocator also said something after the mark. */
    const bool meant =
        s->output_length > 0 || (signalled ? !fault && s->code != SIGFPE : s->code != 0);
    if (!*r->step || strcmp(r->step, "setup") == 0)
        return HARDEN_RESULT_VOID;
    if (strcmp(r->step, "access") == 0)
        return fault ? HARDEN_RESULT_ACCESS : HARDEN_RESULT_CRASH;
    if (!meant)
        return HARDEN_RESULT_CRASH;
    return strcmp(r->step, "later") == 0 ? HARDEN_RESULT_LATER : HARDEN_RESULT_CALL;
}

static void judge(const struct options *o, const struct spawn_result *s, const struct story *story,
                  struct harden_result *r) {
    const bool hung = s->end == SPAWN_TIMED_OUT || (s->end == SPAWN_SIGNALED && s->code == SIGXCPU);
    const bool clean_end = s->end == SPAWN_EXITED && s->code == 0 && *story->final;
    if (s->end == SPAWN_INTERRUPTED)
        r->end = HARDEN_RESULT_NONE;
    else if (s->end == SPAWN_FAILED || !story->begun)
        r->end = HARDEN_RESULT_VOID;
    else if (clean_end)
        r->end = told(story);
    else if (hung)
        r->end = HARDEN_RESULT_HANG;
    else
        r->end = died(s, r);
    char end[sizeof r->seen];
    (hung ? spawn_describe_hang : spawn_describe_end)(s, o->timeout_seconds, end, sizeof end);
    if (!clean_end)
        memcpy(r->seen, end, sizeof end);
    else if (s->output_length) /* it said something, and went on */
        snprintf(r->seen + strlen(r->seen), sizeof r->seen - strlen(r->seen), "%s%s",
                 *r->seen ? "; " : "", end);
    text_clean(r->step);
    text_clean(r->what);
    text_clean(r->seen);
}

/* Leaves of the output what was said from the misusing step on: words of an allocator that come
 * before are not about the misuse. Without a mark, that step was not reached, or so much was said
 * after it that the mark is no longer kept. */
static void keep_words_after_mark(struct spawn_result *s) {
    static const char mark[] = "\036spanbench: the misuse\n"; /* as in cell/hardening.h */
    const char *at           = memmem(s->output, s->output_length, mark, sizeof mark - 1);
    if (!at)
        return;
    at += sizeof mark - 1;
    s->output_length -= (size_t)(at - s->output);
    memmove(s->output, at, s->output_length);
    s->output[s->output_length] = '\0';
}

static void run_once(const struct options *o, const struct cell *cell,
                     const struct misuse_info *misuse, const char *size, bool control,
                     struct harden_result *r) {
    static struct spawn_result result;
    char seed[24], cpu[24];
    snprintf(seed, sizeof seed, "%" PRIu64, r->seed);
    snprintf(cpu, sizeof cpu, "%" PRIu64, cpu_seconds(o));
    const char *words[] = {"--misuse",
                           misuse->name,
                           "--size",
                           size,
                           "--seed",
                           seed,
                           "--cpu-seconds",
                           cpu,
                           control ? "--control" : NULL,
                           NULL};
    cell_run(cell, words, (struct spawn_request){.timeout_seconds = o->timeout_seconds}, &result);
    keep_words_after_mark(&result);
    struct story story = {0};
    for (char *rest = result.record, *text; (text = strsep(&rest, "\n")) != NULL && *text;) {
        json_t *line = member_load(text, strlen(text), 0, NULL);
        if (!story.begun)
            story.begun = is_head(line, cell, misuse, size, r->seed, control);
        else
            read_line(line, &story, r);
        json_decref(line);
    }
    r->seconds = result.seconds;
    judge(o, &result, &story, r);
}

void harden_result_run(const struct options *o, const struct cell *cell,
                       const struct misuse_info *misuse, const char *size, uint64_t seed,
                       struct harden_result *r) {
    struct harden_result control = {.seed = seed};
    *r                           = (struct harden_result){.seed = seed};
    run_once(o, cell, misuse, size, true, &control);
    if (control.end == HARDEN_RESULT_SURVIVED) {
        run_once(o, cell, misuse, size, false, r);
        if (r->end == HARDEN_RESULT_NONE)
            *r = (struct harden_result){.seed = seed};
    } else if (control.end == HARDEN_RESULT_UNSUPPORTED) {
        *r = control;
    } else if (control.end != HARDEN_RESULT_NONE) {
        r->end = HARDEN_RESULT_VOID;
        snprintf(r->seen, sizeof r->seen, "without the misuse, too: %s", control.seen);
    }
}
