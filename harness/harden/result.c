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

const char *const harden_result_word[HARDEN_KINDS] = {
    [HARDEN_NONE]        = "not run",
    [HARDEN_ACCESS]      = "access",
    [HARDEN_CALL]        = "call",
    [HARDEN_LATER]       = "later",
    [HARDEN_CRASH]       = "crash",
    [HARDEN_HANG]        = "hang",
    [HARDEN_CORRUPT]     = "corrupt",
    [HARDEN_SURVIVED]    = "survived",
    [HARDEN_UNSUPPORTED] = "unsupported",
    [HARDEN_VOID]        = "void",
};
const char harden_result_letter[HARDEN_KINDS] = {
    [HARDEN_NONE] = '_',    [HARDEN_ACCESS] = 'A',   [HARDEN_CALL] = 'C',
    [HARDEN_LATER] = 'L',   [HARDEN_CRASH] = '!',    [HARDEN_HANG] = 'H',
    [HARDEN_CORRUPT] = 'X', [HARDEN_SURVIVED] = 's', [HARDEN_UNSUPPORTED] = '-',
    [HARDEN_VOID] = '?',
};

bool harden_result_is_caught(enum harden_result_kind kind) {
    return kind == HARDEN_ACCESS || kind == HARDEN_CALL || kind == HARDEN_LATER;
}

/* A misuse may spin for ever: a fifth of the time-out is processor time that it would have even on
 * a machine that is busy with other things, and much more than any takes. */
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

static void read_line(const json_t *line, struct story *story, struct harden_result *outcome) {
    const char *step = member_text(line, "step"), *final = member_text(line, "outcome");
    if (*step) {
        snprintf(outcome->step, sizeof outcome->step, "%s", step);
        snprintf(outcome->what, sizeof outcome->what, "%s", member_text(line, "what"));
    }
    if (*final) {
        snprintf(story->final, sizeof story->final, "%s", final);
        snprintf(outcome->seen, sizeof outcome->seen, "%s", member_text(line, "seen"));
    }
}

/* A cell that says that it went on. What it may say is known. */
static enum harden_result_kind told(const struct story *story) {
    static const enum harden_result_kind kinds[] = {HARDEN_CORRUPT, HARDEN_SURVIVED,
                                                    HARDEN_UNSUPPORTED};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(story->final, harden_result_word[kinds[i]]) == 0)
            return kinds[i];
    return HARDEN_VOID;
}

/* A process that ended by itself before it could say that it went on. */
static enum harden_result_kind died(const struct spawn_result *s,
                                    const struct harden_result *outcome) {
    const bool signalled = s->end == SPAWN_SIGNALED;
    const bool fault     = signalled && (s->code == SIGSEGV || s->code == SIGBUS);
    /* Of a fault, that the allocator has a word to say shows that it knew (the output is what came
     * after the mark); an exit code that is not 0, an abort or a trap show it without one. */
    const bool meant =
        s->output_length > 0 || (signalled ? !fault && s->code != SIGFPE : s->code != 0);
    if (!*outcome->step || strcmp(outcome->step, "setup") == 0)
        return HARDEN_VOID;
    if (strcmp(outcome->step, "access") == 0)
        return fault ? HARDEN_ACCESS : HARDEN_CRASH;
    if (!meant)
        return HARDEN_CRASH;
    return strcmp(outcome->step, "later") == 0 ? HARDEN_LATER : HARDEN_CALL;
}

static void judge(const struct options *o, const struct spawn_result *s, const struct story *story,
                  struct harden_result *outcome) {
    const bool hung = s->end == SPAWN_TIMED_OUT || (s->end == SPAWN_SIGNALED && s->code == SIGXCPU);
    const bool clean_end = s->end == SPAWN_EXITED && s->code == 0 && *story->final;
    if (s->end == SPAWN_INTERRUPTED)
        outcome->kind = HARDEN_NONE;
    else if (s->end == SPAWN_FAILED || !story->begun)
        outcome->kind = HARDEN_VOID;
    else if (clean_end)
        outcome->kind = told(story);
    else if (hung)
        outcome->kind = HARDEN_HANG;
    else
        outcome->kind = died(s, outcome);
    char end[sizeof outcome->seen];
    (hung ? spawn_describe_hang : spawn_describe_end)(s, o->timeout_seconds, end, sizeof end);
    if (!clean_end)
        memcpy(outcome->seen, end, sizeof end);
    else if (s->output_length) /* it said something, and went on */
        snprintf(outcome->seen + strlen(outcome->seen),
                 sizeof outcome->seen - strlen(outcome->seen), "%s%s", *outcome->seen ? "; " : "",
                 end);
    text_clean(outcome->what);
    text_clean(outcome->seen);
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
                     struct harden_result *outcome) {
    static struct spawn_result result;
    char seed[24], cpu[24];
    snprintf(seed, sizeof seed, "%" PRIu64, outcome->seed);
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
        json_t *line = json_loads(text, 0, NULL);
        if (!story.begun)
            story.begun = is_head(line, cell, misuse, size, outcome->seed, control);
        else
            read_line(line, &story, outcome);
        json_decref(line);
    }
    outcome->seconds = result.seconds;
    judge(o, &result, &story, outcome);
}

void harden_result_run(const struct options *o, const struct cell *cell,
                       const struct misuse_info *misuse, const char *size, uint64_t seed,
                       struct harden_result *outcome) {
    struct harden_result control = {.seed = seed};
    *outcome                     = (struct harden_result){.seed = seed};
    run_once(o, cell, misuse, size, true, &control);
    if (control.kind == HARDEN_SURVIVED) {
        run_once(o, cell, misuse, size, false, outcome);
        if (outcome->kind == HARDEN_NONE)
            *outcome = (struct harden_result){.seed = seed};
    } else if (control.kind == HARDEN_UNSUPPORTED) {
        *outcome = control;
    } else if (control.kind != HARDEN_NONE) {
        outcome->kind = HARDEN_VOID;
        snprintf(outcome->seen, sizeof outcome->seen, "without the misuse, too: %s", control.seen);
    }
}
