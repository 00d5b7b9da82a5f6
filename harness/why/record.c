#include "record.h"

#include "context.h"

#include <string.h>
#include <sys/wait.h>

static json_t *text(const char *s) {
    json_t *made = json_string(s);
    return made ? made : json_string("?"); /* not UTF-8 */
}

static json_t *thread_of(const struct process_book *p, uint32_t n) {
    if (!n || n >= WHY_NAMES)
        return json_null();
    return json_pack("{s:o, s:i}", "name", text(p->name[n].text), "tid", p->name[n].thread);
}

static json_t *class_of(const struct process_book *p, const struct split_class *c) {
    const json_int_t least = (json_int_t)why_class_least(c->class);
    const json_int_t most  = c->class + 1 < WHY_CLASSES
                                 ? (json_int_t)why_class_least(c->class + 1) - 1
                                 : (json_int_t)INT64_MAX;
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:f, s:I}", "least", least, "most", most, "bytes",
                     (json_int_t)c->bytes, "blocks", (json_int_t)c->blocks, "thread",
                     thread_of(p, c->thread), "share", c->share, "pins", (json_int_t)c->pins);
}

static json_t *point_of(const struct process_book *p, const struct split *s) {
    json_t *classes = json_array(), *threads = json_array();
    for (unsigned i = 0; i < SPLIT_TOP && s->class[i].bytes > 0; i++)
        json_array_append_new(classes, class_of(p, &s->class[i]));
    for (unsigned i = 0; i < SPLIT_TOP && s->thread[i].bytes > 0; i++)
        json_array_append_new(threads,
                              json_pack("{s:i, s:o, s:I}", "number", (int)s->thread[i].name,
                                        "thread", thread_of(p, s->thread[i].name), "bytes",
                                        (json_int_t)s->thread[i].bytes));
    return json_pack(
        "{s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, "
        "s:i, "
        "s:i, s:o, s:o}",
        "seconds", s->at, "rss", (json_int_t)s->rss, "requested", (json_int_t)s->requested, "slack",
        (json_int_t)s->slack, "fragments", (json_int_t)s->fragments, "kept", (json_int_t)s->kept,
        "huge", (json_int_t)s->huge, "outside", (json_int_t)s->outside, "stacks",
        (json_int_t)s->stacks, "files", (json_int_t)s->files, "live", (json_int_t)s->live,
        "untouched", (json_int_t)s->untouched, "blocks", (json_int_t)s->blocks, "made",
        (json_int_t)s->made, "heap", (json_int_t)s->heap, "arenas", (int)s->arenas, "arenas_memory",
        (json_int_t)s->arenas_memory, "threads_ever", (int)s->threads, "level", (int)s->level,
        "classes", classes, "threads", threads);
}

static json_t *process_of(const struct process_book *p, const char *object) {
    json_t *points = json_array(), *inner = json_array();
    for (size_t i = 0; i < p->inners; i++)
        json_array_append_new(inner, text(p->inner[i]));
    for (size_t i = 0; i < p->points; i++)
        json_array_append_new(points, point_of(p, &p->point[i]));
    return json_pack("{s:i, s:i, s:i, s:o, s:o, s:b, s:b, s:b, s:I, s:I, s:o, s:o}", "pid",
                     (int)p->pid, "parent", (int)p->parent, "image", p->image, "command",
                     text(p->command), "allocator", text(object), "sizes_known", !p->no_sizes,
                     "exact", !p->unsure, "exited", p->exited, "peak_rss", (json_int_t)p->peak,
                     "looks", (json_int_t)p->looks, "inner", inner, "points", points);
}

json_t *record_make(const struct observation *o, const struct books *b, const char *allocator) {
    json_t *processes = json_array(), *argv = json_array();
    for (size_t i = 0; i < b->count; i++)
        if (b->book[i]->points || b->book[i]->no_sizes)
            json_array_append_new(processes, process_of(b->book[i], b->book[i]->object));
    for (char *const *word = o->argv; *word; word++)
        json_array_append_new(argv, text(*word));
    json_t *code =
        o->ended && WIFEXITED(o->status) ? json_integer(WEXITSTATUS(o->status)) : json_null();
    json_t *signal =
        o->ended && WIFSIGNALED(o->status) ? json_integer(WTERMSIG(o->status)) : json_null();
    json_t *why_not = *o->why_not ? text(o->why_not) : json_null();
    json_t *name    = allocator ? text(allocator) : json_null();
    return json_pack(
        "{s:i, s:s, s:o, s:o, s:{s:b, s:b, s:b, s:b, s:o, s:o, s:I}, s:f, s:I, s:o, s:o}", "schema",
        1, "version", context_version(), "command", argv, "allocator", name, "end", "by_itself",
        o->ended && !o->stopped && !o->interrupted && !o->too_many, "stopped", o->stopped,
        "too_many", o->too_many, "interrupted", o->interrupted != 0, "exit_code", code, "signal",
        signal, "left_behind", (json_int_t)o->left, "seconds", o->watched, "processes_seen",
        (json_int_t)b->seen, "not_counted", why_not, "processes", processes);
}
