#include "record.h"
#include "spawn.h"
#include "tap.h"

#include <jansson.h>
#include <stdlib.h>

/* A good record, to be spoiled. */
static json_t *good_record(void) {
    json_t *r = json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:b}", "protocol", 1, "allocator", "foo",
                          "workload", "tiny", "object", "/lib/libfoo.so", "digest",
                          "0123456789abcdef", "threads", 2, "verified", 0);
    for (size_t i = 0; i < record_numbers_count; i++)
        json_object_set_new(r, record_numbers[i].name, json_integer(1000 + (json_int_t)i));
    return r;
}

static bool parse(json_t *json, struct record *r, char *problem, size_t size) {
    char *text      = json_dumps(json, 0);
    const bool good = record_parse(text, strlen(text), r, problem, size);
    free(text);
    json_decref(json);
    return good;
}

static void test_good(void) {
    struct record r;
    char problem[200] = "";
    OK(parse(good_record(), &r, problem, sizeof problem), "a good record is taken %s", problem);
    IS(r.seed, 1000, "the first number");
    IS(r.stats_held_bytes, 1000 + (long long)record_numbers_count - 1, "the last number");
    IS(r.threads, 2, "threads");
    OK(strcmp(r.digest, "0123456789abcdef") == 0 && strcmp(r.object, "/lib/libfoo.so") == 0,
       "digest and object");

    json_t *without = good_record();
    json_object_set_new(without, "rss_purged_bytes", json_null());
    OK(parse(without, &r, problem, sizeof problem), "an optional number may be null");
    IS(r.rss_purged_bytes, -1, "and reads as not supported");
}

static json_t *instant(const char *name) {
    json_t *at = json_pack("{s:s}", "name", name);
    for (size_t i = 0; i < record_instant_numbers_count; i++)
        json_object_set_new(at, record_instant_numbers[i].name, json_integer(7 + (json_int_t)i));
    return at;
}

static void test_instants(void) {
    struct record r;
    char problem[200] = "";
    json_t *with      = good_record();
    json_object_set_new(with, "instants", json_pack("[o, o]", instant("half"), instant("all")));
    OK(parse(with, &r, problem, sizeof problem), "instants are taken %s", problem);
    OK(r.instants == 2 && strcmp(r.instant[1].name, "all") == 0, "by their names");
    IS(r.instant[1].held_bytes, 7, "with their first number");
    IS(r.instant[1].mappings, 7 + (long long)record_instant_numbers_count - 1, "and their last");

    json_t *many = json_array(), *short_of_one = instant("half");
    for (int i = 0; i <= RECORD_MAX_INSTANTS; i++)
        json_array_append_new(many, instant("again"));
    json_object_del(short_of_one, "rss_bytes");
    json_t *bad[] = {many, json_integer(1), json_pack("[o]", short_of_one), json_pack("[i]", 1),
                     json_pack("[o]", instant("a name that is much longer than it may be"))};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *spoilt = good_record();
        json_object_set_new(spoilt, "instants", bad[i]);
        OK(!parse(spoilt, &r, problem, sizeof problem), "bad instants %zu are refused", i);
        CONTAINS(problem, "'instants'", "and named");
    }
}

/* Each case replaces one member by `value` (NULL: removes it); the problem must name it. */
static void test_bad_members(void) {
    const struct {
        const char *member;
        json_t *value;
    } bad[] = {
        {"protocol", json_integer(2)},    {"allocator", NULL},
        {"workload", json_string("")},    {"object", json_integer(1)},
        {"digest", json_string("12")},    {"digest", json_string("0123456789ABCDEF")},
        {"threads", json_integer(0)},     {"verified", json_string("no")},
        {"ops", json_integer(0)},         {"wall_ns", json_real(1.5)},
        {"wall_ns", json_integer(0)},     {"rss_live_bytes", json_null()},
        {"live_bytes", json_integer(-1)}, {"minor_faults", NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct record r;
        char problem[200] = "", quoted[80];
        json_t *spoilt    = good_record();
        if (bad[i].value)
            json_object_set_new(spoilt, bad[i].member, bad[i].value);
        else
            json_object_del(spoilt, bad[i].member);
        snprintf(quoted, sizeof quoted, "'%s'", bad[i].member);
        OK(!parse(spoilt, &r, problem, sizeof problem), "case %zu is refused", i);
        CONTAINS(problem, quoted, "and the member %s is named", bad[i].member);
    }
}

static void test_bad_text(void) {
    const struct {
        const char *text, *says;
    } bad[] = {
        {"", "no record"},
        {"hello", "no valid JSON"},
        {"{\"protocol\":1", "no valid JSON"},
        {"[]", "'protocol'"},
        {"{\"error\":{\"check\":\"contents\",\"message\":\"byte 3\"}}", "contents: byte 3"},
        {"{\"error\":{}}", "error: no message"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct record r;
        char problem[200] = "";
        OK(!record_parse(bad[i].text, strlen(bad[i].text), &r, problem, sizeof problem),
           "text %zu is refused", i);
        CONTAINS(problem, bad[i].says, "with its reason");
    }
}

/* The parent's own memory must not show in a cell: not in its RSS, not in its peak. */
static void test_memory(void) {
    enum { MINE = 256 << 20 };
    static struct spawn_result result;
    char *mine   = malloc(MINE);
    char cell[]  = BUILD "/cell/system";
    char *argv[] = {cell, "--run", "large", "--ops", "64", "--fd", "3", NULL};
    struct record r;
    char problem[200] = "";
    memset(mine, 1, MINE);
    spawn_run(&(struct spawn_request){.argv = argv, .timeout_seconds = 60}, &result);
    OK(record_parse(result.record, result.record_length, &r, problem, sizeof problem),
       "a cell runs %s", problem);
    OK(r.rss_start_bytes < 3 << 20 && r.rss_peak_bytes < MINE / 2 && r.vsz_peak_bytes < MINE,
       "256 MiB of the driver do not show in it (start %lld, peak %lld)",
       (long long)r.rss_start_bytes, (long long)r.rss_peak_bytes);
    OK(mine[MINE - 1] == 1, "they were there");
    free(mine);
}

static void test_reached(void) {
    struct record r;
    char problem[200] = "";
    json_t *with      = good_record();
    json_object_set_new(with, "reached",
                        json_pack("[{s:s, s:i}, {s:s, s:i}]", "name", "start", "at_ns", 5, "name",
                                  "all live", "at_ns", 9));
    OK(parse(with, &r, problem, sizeof problem), "times of instants are taken %s", problem);
    OK(r.reached_count == 2 && strcmp(r.reached[1].name, "all live") == 0, "by their names");
    OK(r.reached[0].at_ns == 5 && r.reached[1].at_ns == 9, "in their order");
    OK(parse(good_record(), &r, problem, sizeof problem) && r.reached_count == 0,
       "a cell that does not rest has none");
    json_t *many = json_array();
    for (int i = 0; i <= RECORD_MAX_REACHED; i++)
        json_array_append_new(many, json_pack("{s:s, s:i}", "name", "again", "at_ns", i));
    json_t *bad[] = {many, json_pack("[{s:s}]", "name", "start"), json_pack("[{s:i}]", "at_ns", 5),
                     json_pack("[{s:s, s:i}]", "name", "start", "at_ns", -5), json_integer(1)};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *spoilt = good_record();
        json_object_set_new(spoilt, "reached", bad[i]);
        OK(!parse(spoilt, &r, problem, sizeof problem), "bad times %zu are refused", i);
        CONTAINS(problem, "'reached'", "and named");
    }
}

int main(void) {
    spawn_prepare();
    test_good();
    test_instants();
    test_reached();
    test_bad_members();
    test_bad_text();
    test_memory();
    return tap_done();
}
