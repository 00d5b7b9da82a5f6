#include "trial.h"

#include "context.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

json_t *trial_text(const char *text) {
    if (!text || !*text)
        return json_null();
    json_t *value = json_string(text);
    return value ? value : json_string("(not UTF-8)");
}

static json_t *words(char *const *list) {
    json_t *array = json_array();
    for (; list && *list; list++)
        json_array_append_new(array, **list ? trial_text(*list) : json_string(""));
    return array;
}

static json_t *variables(const struct names *names) {
    json_t *object = json_object();
    for (size_t i = 0; i < names->count; i++) {
        char name[256];
        const char *equals = strchr(names->item[i], '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - names->item[i]), names->item[i]);
        text_clean(name);
        json_object_set_new(object, name, equals[1] ? trial_text(equals + 1) : json_string(""));
    }
    return object;
}

static json_t *after_list(const struct try_options *o) {
    json_t *array = json_array();
    for (size_t i = 0; o->server && i < o->afters; i++)
        json_array_append_new(array, json_real(o->after[i]));
    return array;
}

static json_t *then_list(const struct try_options *o) {
    json_t *array = json_array();
    for (size_t i = 0; i < o->thens.count; i++)
        json_array_append_new(array, trial_text(o->thens.item[i]));
    return array;
}

static json_t *describe_program(const struct try_options *o) {
    json_t *p = json_object();
    json_object_set_new(p, "argv", words(o->program));
    json_object_set_new(p, "shell", json_boolean(o->shell));
    json_object_set_new(p, "directory", trial_text(o->directory));
    json_object_set_new(p, "variables", variables(&o->variables));
    json_object_set_new(p, "input", trial_text(o->input));
    json_object_set_new(p, "prepare", trial_text(o->prepare));
    json_object_set_new(p, "metric", trial_text(o->metric));
    json_object_set_new(p, "higher_is_better", json_boolean(o->higher_is_better));
    json_object_set_new(p, "same_output", json_boolean(o->same_output));
    json_object_set_new(p, "any_output", json_boolean(o->any_output));
    json_object_set_new(p, "exit_code", json_integer(o->good_code));
    json_object_set_new(p, "timeout_seconds", json_real(o->common.timeout_seconds));
    json_object_set_new(p, "limit_bytes",
                        o->limit_bytes ? json_integer((json_int_t)o->limit_bytes) : json_null());
    json_object_set_new(p, "against", trial_text(o->against));
    json_object_set_new(p, "server", trial_text(o->server));
    json_object_set_new(p, "ready", trial_text(o->ready));
    json_object_set_new(p, "load", trial_text(o->load));
    json_object_set_new(p, "then", then_list(o));
    json_object_set_new(p, "traffic", trial_text(o->traffic));
    json_object_set_new(p, "after_seconds", after_list(o));
    return p;
}

bool trial_open(struct trial *t) {
    t->started = time(NULL);
    t->program = describe_program(t->options);
    t->context = json_pack("{s:i}", "schema", 1);
    context_add_run(t->context, t->started);
    t->runs   = json_array();
    t->looks  = calloc(t->lineup.rows, sizeof(json_t *));
    t->limits = calloc(t->lineup.rows, sizeof(json_t *));
    return t->program && t->context && t->runs && t->looks && t->limits;
}

void trial_close(struct trial *t) {
    for (size_t i = 0; t->looks && i < t->lineup.rows; i++)
        json_decref(t->looks[i]);
    for (size_t i = 0; t->limits && i < t->lineup.rows; i++)
        json_decref(t->limits[i]);
    free((void *)t->looks);
    free((void *)t->limits);
    json_decref(t->program);
    json_decref(t->context);
    json_decref(t->runs);
}

static json_t *bytes_or_null(int64_t bytes) {
    return bytes < 0 ? json_null() : json_integer(bytes);
}

void trial_add_look(struct trial *t, size_t row, const struct look *l) {
    json_t *list = json_array();
    for (size_t i = 0; i < l->processes; i++) {
        const struct look_process *p = &l->process[i];
        json_t *o                    = json_object();
        json_object_set_new(o, "pid", json_integer(p->pid));
        json_object_set_new(o, "parent", json_integer(p->parent));
        json_object_set_new(o, "comm", trial_text(p->comm));
        json_object_set_new(o, "exe", trial_text(p->exe));
        json_object_set_new(o, "malloc", trial_text(p->object));
        json_object_set_new(o, "why", trial_text(p->why));
        json_t *inner = json_array();
        for (size_t k = 0; k < LOOK_INNER && *p->inner[k]; k++)
            json_array_append_new(inner, trial_text(p->inner[k]));
        json_object_set_new(o, "inner", inner);
        json_object_set_new(o, "replaced", json_boolean(p->replaced));
        json_object_set_new(o, "peak_rss_bytes", bytes_or_null(p->high_water));
        json_array_append_new(list, o);
    }
    json_decref(t->looks[row]);
    t->looks[row] =
        json_pack("{s:o, s:i, s:b}", "processes", list, "more", (int)l->more, "traced", l->traced);
}

void trial_add_limit(struct trial *t, size_t row, json_t *limit) {
    json_decref(t->limits[row]);
    t->limits[row] = limit;
}

static void add_real(json_t *o, const char *key, double value) {
    json_object_set_new(o, key, isnan(value) ? json_null() : json_real(value));
}

static double seconds_of(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

void trial_add_run(struct trial *t, size_t row, unsigned round, const struct measured *m,
                   const char *problem, json_t *more) {
    const struct watch_point *peak = &m->memory.peak;
    const bool exited              = m->end == MEASURED_ENDED && WIFEXITED(m->status);
    char hash[17];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)m->out_hash);
    json_t *o = more ? more : json_object();
    json_object_set_new(o, "row", trial_text(t->lineup.row[row].name));
    json_object_set_new(o, "round", json_integer(round));
    json_object_set_new(o, "problem", trial_text(problem));
    add_real(o, "wall_seconds", m->wall_seconds);
    add_real(o, "user_seconds", seconds_of(m->usage.ru_utime));
    add_real(o, "system_seconds", seconds_of(m->usage.ru_stime));
    json_object_set_new(o, "peak_bytes",
                        t->lineup.row[row].own.unwatched ? json_null()
                                                         : json_integer(m->peak_bytes));
    json_object_set_new(o, "peak_rss_bytes", json_integer(peak->rss));
    json_object_set_new(o, "largest_process_bytes",
                        json_integer((json_int_t)m->usage.ru_maxrss * 1024));
    json_object_set_new(o, "peak_huge_bytes", json_integer(peak->huge));
    json_object_set_new(o, "peak_swap_bytes", json_integer(peak->swap));
    json_object_set_new(o, "peak_vsz_bytes", json_integer(peak->vsz));
    json_object_set_new(o, "minor_faults", json_integer(m->usage.ru_minflt));
    json_object_set_new(o, "major_faults", json_integer(m->usage.ru_majflt));
    json_object_set_new(o, "voluntary_switches", json_integer(m->usage.ru_nvcsw));
    json_object_set_new(o, "involuntary_switches", json_integer(m->usage.ru_nivcsw));
    json_object_set_new(o, "exit_code",
                        exited ? json_integer(WEXITSTATUS(m->status)) : json_null());
    json_object_set_new(o, "output_bytes", json_integer((json_int_t)m->out_bytes));
    json_object_set_new(o, "output_hash", json_string(hash));
    add_real(o, "metric", m->number);
    json_object_set_new(o, "processes", json_integer((json_int_t)m->memory.processes));
    json_object_set_new(o, "left_behind", json_integer((json_int_t)m->left_behind));
    json_object_set_new(o, "watch_readings", json_integer((json_int_t)m->memory.readings));
    json_object_set_new(o, "watch_walks", json_integer((json_int_t)m->memory.walks));
    add_real(o, "watch_cpu_seconds", m->memory.cpu_seconds);
    json_array_append_new(t->runs, o);
}

json_t *trial_memory_after(const struct try_options *o, const struct served *served) {
    json_t *after = json_object();
    for (size_t i = 0; i <= o->afters; i++) {
        char seconds[32];
        snprintf(seconds, sizeof seconds, "%g", i ? o->after[i - 1] : 0);
        json_object_set_new(after, seconds, json_integer(served->after[i]));
    }
    return after;
}

void trial_describe_server(json_t *run, const struct try_options *o, const struct served *served) {
    json_t *phases = json_array();
    for (size_t i = 0; i <= o->thens.count; i++)
        json_array_append_new(phases, json_pack("{s:f, s:I}", "seconds", served->phase[i].seconds,
                                                "bytes", (json_int_t)served->phase[i].bytes));
    json_object_set_new(run, "ready_bytes", json_integer(served->ready));
    json_object_set_new(run, "phases", phases);
    json_object_set_new(run, "after", trial_memory_after(o, served));
}

void trial_write_head(FILE *csv) {
    fputs("row,round,seconds,rss_bytes,pss_bytes,huge_bytes,swap_bytes,vsz_bytes,processes\n", csv);
}

/* A name may hold anything but a newline: quoted as RFC 4180 has it. */
static void write_name(FILE *csv, const char *name) {
    fputc('"', csv);
    for (; *name; name++) {
        if (*name == '"')
            fputc('"', csv);
        fputc(*name, csv);
    }
    fputc('"', csv);
}

void trial_write_curve(FILE *csv, const char *row, unsigned round, const struct watch_result *w) {
    for (size_t i = 0; i < w->points; i++) {
        const struct watch_point *p = &w->point[i];
        write_name(csv, row);
        fprintf(csv, ",%u,%.4f,%lld,%lld,%lld,%lld,%lld,%u\n", round, p->seconds, (long long)p->rss,
                (long long)p->pss, (long long)p->huge, (long long)p->swap, (long long)p->vsz,
                p->processes);
    }
}

static json_t *describe_row(const struct trial *t, size_t i) {
    const struct row *row = &t->lineup.row[i];
    json_t *o             = t->looks[i] ? json_copy(t->looks[i]) : json_object();
    json_object_set_new(o, "name", trial_text(row->name));
    json_object_set_new(o, "allocator", trial_text(row->allocator));
    json_object_set_new(o, "library", trial_text(row->library));
    json_object_set_new(o, "variables", variant_json(&row->own));
    json_object_set_new(o, "cause", trial_text(row->cause));
    json_t *notes = json_array();
    for (size_t n = 0; n < row->notes; n++)
        json_array_append_new(notes, trial_text(row->note[n]));
    json_object_set_new(o, "notes", notes);
    json_object_set_new(o, "absent", json_boolean(row->absent));
    json_object_set_new(o, "against", json_boolean(row->against));
    if (t->limits[i])
        json_object_set(o, "smallest_limit", t->limits[i]);
    return o;
}

json_t *trial_document(const struct trial *t, bool complete) {
    json_t *d = json_copy(t->context);
    if (!d)
        return NULL;
    json_t *rows = json_array();
    for (size_t i = 0; i < t->lineup.rows; i++)
        json_array_append_new(rows, describe_row(t, i));
    json_object_set_new(d, "seed", json_integer((json_int_t)t->options->common.seed));
    json_object_set_new(d, "precision", json_real(t->options->precision));
    json_object_set_new(t->program, "limited_by", trial_text(t->limited_by));
    json_object_set(d, "program", t->program);
    json_object_set_new(d, "rows", rows);
    json_object_set(d, "runs", t->runs);
    json_object_set_new(d, "rounds", json_integer(t->rounds));
    json_object_set_new(d, "complete", json_boolean(complete));
    return d;
}
