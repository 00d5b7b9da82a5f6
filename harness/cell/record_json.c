#include "record_json.h"

#include "huge_pages.h"

#include <stdio.h>

/* `name`, an instant ("" or "_live"), and a unit. */
static void amount(struct json *out, const char *name, const char *at, const char *unit,
                   uint64_t value) {
    char key[48];
    snprintf(key, sizeof key, "%s%s%s", name, at, unit);
    json_uint(out, key, value);
}

static void rss_and_vsz(struct json *out, const struct memory *m, const char *at) {
    amount(out, "rss", at, "_bytes", m->rss);
    amount(out, "vsz", at, "_bytes", m->vsz);
}

static void other_memory(struct json *out, const struct memory *m, const char *at) {
    amount(out, "pss", at, "_bytes", m->pss);
    amount(out, "huge", at, "_bytes", m->huge);
    amount(out, "lazyfree", at, "_bytes", m->lazyfree);
    amount(out, "swap", at, "_bytes", m->swap);
    amount(out, "reserved", at, "_bytes", m->reserved);
    amount(out, "writable", at, "_bytes", m->writable);
    amount(out, "page_tables", at, "_bytes", m->page_tables);
    amount(out, "mappings", at, "", m->mappings);
}

static void write_request(struct json *out, const struct record_source *s) {
    const struct sample_request *q = s->request;
    char digest[17];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)s->result->digest);
    json_uint(out, "protocol", s->protocol);
    json_string(out, "allocator", s->allocator);
    json_string(out, "object", s->object);
    json_string(out, "workload", q->workload->name);
    json_uint(out, "threads", q->threads);
    json_uint(out, "ops", q->ops);
    json_uint(out, "seed", q->seed);
    json_string(out, "digest", digest);
    json_bool(out, "verified", q->verify);
    json_string(out, "thp", huge_pages_name(huge_pages_now()));
}

static void write_times(struct json *out, const struct sample_result *r) {
    const struct counters *c = &r->timed.counters;
    json_uint(out, "wall_ns", r->timed.wall_ns);
    json_uint(out, "counted_ns", r->timed.counted_ns);
    json_uint(out, "cpu_ns", c->cpu_ns);
    json_uint(out, "minor_faults", c->minor_faults);
    json_uint(out, "major_faults", c->major_faults);
    json_uint(out, "voluntary_switches", c->voluntary_switches);
    json_uint(out, "involuntary_switches", c->involuntary_switches);
    json_uint(out, "start_skew_ns", r->timed.start_skew_ns);
    json_uint(out, "warm_up_ns", r->warm_up.wall_ns);
    json_uint(out, "warm_up_minor_faults", r->warm_up.counters.minor_faults);
}

static void write_live_set(struct json *out, const struct record_source *s) {
    const struct sample_result *r = s->result;
    json_uint(out, "live_blocks", r->live_blocks);
    json_uint(out, "live_bytes", r->live_bytes);
    if (s->request->allocator->usable_size)
        json_uint(out, "usable_bytes", r->usable_bytes);
    else
        json_null(out, "usable_bytes");
    json_uint(out, "untouched_bytes", r->untouched_bytes);
    json_uint(out, "bound_bytes", r->bound_bytes);
    json_uint(out, "process_threads", r->memory[SAMPLE_LIVE].threads);
}

static void write_memory(struct json *out, const struct record_source *s) {
    const struct memory *at = s->result->memory;
    rss_and_vsz(out, &at[SAMPLE_START], "_start");
    json_uint(out, "writable_start_bytes", at[SAMPLE_START].writable);
    json_uint(out, "page_tables_start_bytes", at[SAMPLE_START].page_tables);
    rss_and_vsz(out, &at[SAMPLE_LIVE], "_live");
    other_memory(out, &at[SAMPLE_LIVE], "_live");
    json_uint(out, "rss_peak_bytes", at[SAMPLE_LIVE].rss_peak);
    json_uint(out, "vsz_peak_bytes", at[SAMPLE_LIVE].vsz_peak);
    rss_and_vsz(out, &at[SAMPLE_DRAINED], "_drained");
    json_uint(out, "lazyfree_drained_bytes", at[SAMPLE_DRAINED].lazyfree);
    if (s->request->allocator->purge) {
        rss_and_vsz(out, &at[SAMPLE_PURGED], "_purged");
    } else {
        json_null(out, "rss_purged_bytes");
        json_null(out, "vsz_purged_bytes");
    }
}

static void write_instants(struct json *out, const struct sample_result *r) {
    json_open(out, "instants", '[');
    for (unsigned i = 0; i < r->noted_count; i++) {
        json_open(out, NULL, '{');
        json_string(out, "name", r->noted[i].name);
        json_uint(out, "held_bytes", r->noted[i].held_bytes);
        rss_and_vsz(out, &r->noted[i].memory, "");
        other_memory(out, &r->noted[i].memory, "");
        json_close(out, '}');
    }
    json_close(out, ']');
}

/* For who looks from outside meanwhile. */
static void write_reached(struct json *out, const struct sample_result *r) {
    json_open(out, "reached", '[');
    for (unsigned i = 0; i < r->reached_count; i++) {
        json_open(out, NULL, '{');
        json_string(out, "name", r->reached[i].name);
        json_uint(out, "at_ns", r->reached[i].at_ns);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void write_own_account(struct json *out, const struct record_source *s) {
    const struct mallinfo2 *m = &s->result->stats;
    if (s->request->allocator->stats) {
        json_uint(out, "stats_allocated_bytes", m->uordblks + m->hblkhd);
        json_uint(out, "stats_held_bytes", m->arena + m->hblkhd);
    } else {
        json_null(out, "stats_allocated_bytes");
        json_null(out, "stats_held_bytes");
    }
}

void record_write(struct json *out, const struct record_source *s) {
    json_open(out, NULL, '{');
    write_request(out, s);
    write_times(out, s->result);
    write_live_set(out, s);
    write_memory(out, s);
    write_instants(out, s->result);
    if (s->request->hold_ms)
        write_reached(out, s->result);
    write_own_account(out, s);
    json_close(out, '}');
}
