/* The same as JSON. */
#include "report.h"

#include "text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* A string whatever the bytes are. */
static json_t *clean(const char *text) {
    char *copy = strdup(text);
    if (!copy)
        return NULL;
    text_clean(copy);
    json_t *made = json_string(copy);
    free(copy);
    return made;
}

static json_t *clean_or_null(const char *text) {
    return *text ? clean(text) : json_null();
}

static json_t *notes_of(const struct serving *s) {
    static const char *const kinds[] = {[SERVING_PRELOAD] = "preload",
                                        [SERVING_INNER]   = "inner",
                                        [SERVING_SECOND]  = "second",
                                        [SERVING_OPTION]  = "option",
                                        [SERVING_LIMITED] = "limited"};
    json_t *list                     = json_array();
    for (size_t i = 0; i < s->notes; i++)
        json_array_append_new(list, json_pack("{s:s, s:o}", "kind", kinds[s->note[i].kind], "text",
                                              clean(s->note[i].text)));
    return list;
}

static json_t *options_of(const struct serving *s) {
    json_t *list = json_array();
    for (size_t i = 0; i < s->options; i++)
        json_array_append_new(list, clean(s->option[i]));
    return list;
}

static json_t *process_of(const struct seen *all, size_t i, const char *expect) {
    static const char *const states[]   = {[SERVING_KNOWN]    = "known",
                                           [SERVING_UNKNOWN]  = "unknown",
                                           [SERVING_STARTING] = "starting",
                                           [SERVING_GONE]     = "gone"};
    static const char *const hows[]     = {[SERVING_NOT]     = "not",
                                           [SERVING_BOUND]   = "bound",
                                           [SERVING_MAPPED]  = "mapped",
                                           [SERVING_SYMBOLS] = "symbols",
                                           [SERVING_TEXTS]   = "texts"};
    static const struct serving nothing = {.state = SERVING_GONE};
    const struct seen_process *p        = &all->process[i];
    const struct serving *s             = p->serving ? p->serving : &nothing;
    const bool known                    = s->state == SERVING_KNOWN;
    json_t *made                        = json_object();
    json_object_set_new(made, "pid", json_integer(p->pid));
    json_object_set_new(made, "above",
                        p->above == SEEN_NONE ? json_null() : json_integer(p->above));
    json_object_set_new(made, "image", json_integer(p->image));
    json_object_set_new(made, "replaced", json_boolean(p->replaced));
    json_object_set_new(made, "command", clean_or_null(s->command));
    json_object_set_new(made, "program", clean_or_null(s->program));
    json_object_set_new(made, "state", json_string(states[s->state]));
    json_object_set_new(made, "why", known ? json_null() : clean_or_null(s->why));
    json_object_set_new(made, "how", json_string(hows[s->how]));
    json_object_set_new(made, "name", clean_or_null(s->name));
    json_object_set_new(made, "version", clean_or_null(s->version));
    json_object_set_new(made, "object", clean_or_null(s->object));
    json_object_set_new(made, "checked", json_boolean(s->checked));
    json_object_set_new(made, "static", json_boolean(s->fixed));
    json_object_set_new(made, "secure", json_boolean(s->secure));
    json_object_set_new(made, "libc", clean_or_null(s->libc));
    json_object_set_new(made, "preload", clean_or_null(s->preload));
    json_object_set_new(made, "options", options_of(s));
    json_object_set_new(made, "notes", notes_of(s));
    json_object_set_new(made, "wrong", clean_or_null(who_wrong(s, expect)));
    return made;
}

static json_t *end_of(const struct follow_end *end) {
    if (!end)
        return json_null();
    json_t *made = json_object();
    json_object_set_new(made, "timed_out", json_boolean(end->timed_out));
    json_object_set_new(made, "too_many", json_boolean(end->too_many));
    json_object_set_new(made, "interrupted", json_boolean(end->interrupted != 0));
    json_object_set_new(made, "exit_code",
                        WIFEXITED(end->status) ? json_integer(WEXITSTATUS(end->status))
                                               : json_null());
    json_object_set_new(made, "signal",
                        WIFSIGNALED(end->status) ? json_integer(WTERMSIG(end->status))
                                                 : json_null());
    return made;
}

bool who_print_json(const struct seen *all, const struct who_options *o,
                    const struct follow_end *end) {
    const struct who_verdict v = who_judge(all, o->expect);
    json_t *list               = json_array();
    for (size_t i = 0; i < all->count; i++)
        json_array_append_new(list, process_of(all, i, o->expect));
    json_t *made =
        json_pack("{s:i, s:b, s:o, s:o, s:{s:I, s:I, s:I, s:I, s:I}, s:o}", "schema", 1, "complete",
                  !all->overflow, "expected", o->expect ? clean(o->expect) : json_null(), "program",
                  end_of(end), "counts", "known", (json_int_t)v.known, "unknown",
                  (json_int_t)v.unknown, "wrong", (json_int_t)v.wrong, "unseen",
                  (json_int_t)v.unseen, "kernel", (json_int_t)v.kernel, "processes", list);
    const bool good = made && json_dumpf(made, stdout, JSON_INDENT(1)) == 0;
    putchar('\n');
    json_decref(made);
    return good;
}
