#include "bench_json.h"

#include "context.h"
#include "gbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

json_t *bench_json_context(const struct options *o, const struct registry *r, json_t *unmeasured) {
    json_t *allocators = json_array(), *workloads = json_array(), *names = json_array();
    for (size_t i = 0; i < r->cells; i++)
        json_array_append_new(names, json_string(r->cell[i].name));
    for (size_t i = 0; i < r->cells; i++)
        if (*r->cell[i].skipped || *r->cell[i].broken || r->cell[i].description)
            json_array_append_new(allocators, context_cell(&r->cell[i]));
    for (size_t i = 0; i < r->workloads; i++)
        json_array_append_new(
            workloads, json_pack("{s:s, s:s, s:s, s:s}", "name", r->workload[i].name, "group",
                                 r->workload[i].group, "summary", r->workload[i].summary,
                                 "stresses", r->workload[i].stresses));
    json_t *c = json_object();
    context_add_run(c, time(NULL));
    json_object_set_new(c, "quick", json_boolean(o->quick));
    json_object_set_new(c, "brief", json_boolean(o->brief));
    json_object_set_new(c, "seed", json_integer((json_int_t)o->seed));
    json_object_set_new(c, "one_seed", json_boolean(o->one_seed));
    json_object_set_new(c, "repetitions", json_integer(o->repetitions));
    if (o->last_round - o->first_round + 1 < o->repetitions)
        json_object_set_new(c, "rounds", json_pack("[i,i]", o->first_round, o->last_round));
    json_object_set_new(c, "order", json_string(o->mirrored ? "mirrored" : "shuffled"));
    if (o->histogram)
        json_object_set_new(c, "sizes", histogram_json(o->histogram));
    json_object_set_new(c, "names", names);
    json_object_set_new(c, "allocators", allocators);
    json_object_set_new(c, "workloads", workloads);
    json_object_set(c, "unmeasured", unmeasured);
    json_object_set_new(c, "timeline_failures", json_array());
    json_object_set_new(c, "timeline_passes", json_array());
    if (o->long_rest_seconds) {
        json_object_set_new(c, "long_rest_seconds", json_integer(o->long_rest_seconds));
        json_object_set_new(c, "long_rests", json_array());
    }
    return c;
}

static json_t *instants_of(const struct record *r) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->instants; i++) {
        json_t *at = json_pack("{s:s}", "name", r->instant[i].name);
        for (size_t n = 0; n < record_instant_numbers_count; n++)
            json_object_set_new(at, record_instant_numbers[n].name,
                                json_integer(record_instant_number(&r->instant[i], n)));
        json_array_append_new(list, at);
    }
    return list;
}

/* Whole numbers stay whole: Google Benchmark prints its counters as floating point. */
static void add_record(json_t *entry, const struct record *r) {
    for (size_t i = 0; i < record_numbers_count; i++) {
        const int64_t n = record_number(r, i);
        if (n >= 0)
            json_object_set_new(entry, record_numbers[i].name, json_integer(n));
    }
    if (r->instants)
        json_object_set_new(entry, "instants", instants_of(r));
    json_object_set_new(entry, "object", json_string(r->object));
    if (*r->thp)
        json_object_set_new(entry, "thp", json_string(r->thp));
    json_object_set_new(entry, "digest", json_string(r->digest));
}

json_t *bench_json_pass(const struct record *r, double begin) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->reached_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:f}", "name", r->reached[i].name, "seconds",
                                              (double)r->reached[i].at_ns * 1e-9 - begin));
    return json_pack("{s:s, s:s, s:i, s:o}", "workload", r->workload, "allocator", r->allocator,
                     "threads", (int)r->threads, "reached", list);
}

json_t *bench_json_rest(const char *row, const struct entry *entry, const char *cause) {
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:I}", "name", row, "allocator", entry->allocator,
                          "workload", entry->workload, "threads", (int)entry->threads, "seed",
                          (json_int_t)entry->seed);
    if (entry->failed)
        json_object_set_new(o, "cause", json_string(cause));
    else
        add_record(o, &entry->record);
    return o;
}

static json_t *nanoseconds(double seconds) {
    return json_integer((json_int_t)(seconds * 1e9));
}

json_t *bench_json_make(json_t *context, const struct entry *entry, size_t entries, bool complete) {
    char *text       = gbench_json();
    json_t *document = json_pack("{s:i}", "schema", 1);
    const bool made  = text && json_object_update_new(document, json_loads(text, 0, NULL)) == 0;
    json_t *list     = json_object_get(document, "benchmarks");
    free(text);
    if (!made || json_array_size(list) != entries) {
        json_decref(document);
        return NULL;
    }
    json_t *own = json_copy(context);
    json_object_set_new(own, "complete", json_boolean(complete));
    json_object_set_new(json_object_get(document, "context"), "spanbench", own);
    for (size_t i = 0; i < entries; i++) {
        json_t *e = json_array_get(list, i);
        json_object_set_new(e, "allocator", json_string(entry[i].allocator));
        json_object_set_new(e, "workload", json_string(entry[i].workload));
        json_object_set_new(e, "block", json_integer(entry[i].round));
        json_object_set_new(e, "seed", json_integer((json_int_t)entry[i].seed));
        if (entry[i].process_seconds > 0) {
            json_object_set_new(e, "process_ns", nanoseconds(entry[i].process_seconds));
            json_object_set_new(e, "process_cpu_ns", nanoseconds(entry[i].process_cpu_seconds));
        }
        if (!entry[i].failed)
            add_record(e, &entry[i].record);
    }
    return document;
}
