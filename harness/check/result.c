#include "result.h"

#include "json_member.h"
#include "record.h"
#include "spawn.h"
#include "stacks.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *check_result_word(const struct check_result *r) {
    switch (r->end) {
    case CHECK_RESULT_PASS: return r->known ? "fixed" : "pass";
    case CHECK_RESULT_RECORDED: return r->known ? "fixed" : r->choice;
    case CHECK_RESULT_UNSUPPORTED: return "-";
    case CHECK_RESULT_FAIL: return !r->counts ? "no" : r->known ? "known" : "FAIL";
    case CHECK_RESULT_NONE: break;
    }
    return "";
}

bool check_result_is_finding(const struct check_result *r) {
    if (r->end == CHECK_RESULT_FAIL)
        return r->counts && !r->known;
    return (r->end == CHECK_RESULT_PASS || r->end == CHECK_RESULT_RECORDED) && r->known;
}

/* The timeout as the cell is told it. */
static const char *whole_seconds(double timeout_seconds, char *text, size_t size) {
    snprintf(text, size, "%.0f", ceil(timeout_seconds));
    return text;
}

void check_result_command(const struct options *o, const struct cell *cell,
                          const struct check_info *check, char *text, size_t size) {
    char options[160], timeout[32] = "", seconds[24];
    if (o->timeout_seconds > CHECK_TIMEOUT)
        snprintf(timeout, sizeof timeout, " --timeout %s",
                 whole_seconds(o->timeout_seconds, seconds, sizeof seconds));
    snprintf(options, sizeof options, "--check %s --seed %" PRIu64 "%s%s --verbose", check->name,
             o->seed, timeout, o->whole ? " --whole" : "");
    cell_command(cell, options, text, size);
}

/* Believes a record only if it is of this check, this seed, this allocator and object. */
static bool read_result(const json_t *record, const struct options *o, const struct cell *cell,
                        const struct check_info *check, struct check_result *r) {
    static const struct {
        const char *word;
        enum check_result_end end;
    } words[]           = {{"pass", CHECK_RESULT_PASS},
                           {"fail", CHECK_RESULT_FAIL},
                           {"recorded", CHECK_RESULT_RECORDED},
                           {"not supported", CHECK_RESULT_UNSUPPORTED}};
    const json_t *error = json_object_get(record, "error");
    if (error) {
        r->end = CHECK_RESULT_FAIL;
        snprintf(r->expected, sizeof r->expected, "a check that runs");
        snprintf(r->seen, sizeof r->seen, "%s: %s", member_text(error, "check"),
                 member_text(error, "message"));
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(member_text(record, "verdict"), words[i].word) == 0)
            r->end = words[i].end;
    if (*member_text(record, "stacks")) /* of a child of the cell's that hung */
        r->stacks = strdup(member_text(record, "stacks"));
    snprintf(r->choice, sizeof r->choice, "%s", member_text(record, "choice"));
    snprintf(r->expected, sizeof r->expected, "%s", member_text(record, "expected"));
    snprintf(r->seen, sizeof r->seen, "%s",
             member_text(record, r->end == CHECK_RESULT_FAIL ? "seen" : "reason"));
    return r->end != CHECK_RESULT_NONE && strcmp(member_text(record, "check"), check->name) == 0 &&
           strcmp(member_text(record, "object"), cell_fact(cell, "object")) == 0 &&
           strcmp(member_text(record, "allocator"), cell_fact(cell, "allocator")) == 0 &&
           (uint64_t)json_integer_value(json_object_get(record, "seed")) == o->seed;
}

/* A process that ended with a record and the exit code that belongs to it, or else a failure. */
static void judge(const struct options *o, const struct cell *cell, const struct check_info *check,
                  const struct check_hang *hang, const struct spawn_result *s,
                  struct check_result *r) {
    json_t *record  = member_load(s->record, s->record_length, 0, NULL);
    const bool good = s->end == SPAWN_EXITED && record && read_result(record, o, cell, check, r) &&
                      (s->code == 0 || r->end == CHECK_RESULT_FAIL);
    json_decref(record);
    if (s->end == SPAWN_INTERRUPTED) {
        r->end = CHECK_RESULT_NONE;
    } else if (s->end == SPAWN_TIMED_OUT && *hang->functions) {
        r->end = CHECK_RESULT_UNSUPPORTED;
        check_hang_describe(hang, o, r->seen, sizeof r->seen);
    } else if (!good) {
        r->end = CHECK_RESULT_FAIL;
        snprintf(r->expected, sizeof r->expected, "%s",
                 s->end == SPAWN_EXITED ? "a verdict" : "no crash and no hang");
        (s->end == SPAWN_TIMED_OUT ? spawn_describe_hang : spawn_describe_end)(
            s, o->timeout_seconds, r->seen, sizeof r->seen);
    }
    text_clean(r->seen);
    text_clean(r->expected);
    text_clean(r->choice);
    if (r->stacks)
        text_clean_lines(r->stacks);
}

static void take_stacks(void *text, pid_t child) {
    stacks_take(child, text, STACKS_BYTES);
}

void check_result_run(const struct check_list *list, const struct options *o,
                      const struct cell *cell, const struct check_info *check,
                      const struct check_hang *hang, struct check_result *r, char *told,
                      size_t size) {
    static struct spawn_result result;
    char stacks[STACKS_BYTES] = "";
    char seed[24], timeout[24];
    const double timeout_seconds = check_hang_timeout(hang, o);
    snprintf(seed, sizeof seed, "%" PRIu64, o->seed);
    const char *words[10] = {"--check", check->name, "--seed", seed, "--timeout", timeout};
    size_t n              = 6;
    whole_seconds(timeout_seconds, timeout, sizeof timeout);
    if (o->whole)
        words[n++] = "--whole";
    if (check_list_known_to_hang(list, cell, check->name))
        words[n++] = "--hangs";
    if (o->verbose)
        words[n++] = "--verbose";
    cell_run(cell, words,
             (struct spawn_request){
                 .timeout_seconds = timeout_seconds, .stuck = take_stacks, .arg = stacks},
             &result);
    *r = (struct check_result){.counts    = check_list_counts(check, o->profile),
                               .seconds   = result.seconds,
                               .timed_out = result.end == SPAWN_TIMED_OUT};
    judge(o, cell, check, hang, &result, r);
    if (*stacks && !r->stacks)
        r->stacks = strdup(stacks);
    if (r->counts && r->end != CHECK_RESULT_UNSUPPORTED)
        r->known =
            check_list_known(list, cell, check->name, r->end == CHECK_RESULT_FAIL ? r->seen : NULL);
    snprintf(told, size, "%.*s", (int)result.output_length, result.output);
    text_clean_lines(told);
}
