#include "record.h"

#include "json_member.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

const struct record_number record_numbers[] = {
#define REQUIRED(name) {#name, offsetof(struct record, name), true},
#define OPTIONAL(name) {#name, offsetof(struct record, name), false},
    RECORD_NUMBERS(REQUIRED, OPTIONAL)
#undef REQUIRED
#undef OPTIONAL
};
const size_t record_numbers_count = sizeof record_numbers / sizeof *record_numbers;

const struct record_number record_instant_numbers[] = {
#define NUMBER(name) {#name, offsetof(struct record_instant, name), true},
    RECORD_INSTANT_NUMBERS(NUMBER)
#undef NUMBER
};
const size_t record_instant_numbers_count =
    sizeof record_instant_numbers / sizeof *record_instant_numbers;

/* Copies the string member `key`; false if it is absent, no string, empty or too long. */
static bool take_string(const json_t *root, const char *key, char *to, size_t size) {
    const char *value = json_string_value(json_object_get(root, key));
    if (!value || !*value || strlen(value) >= size)
        return false;
    memcpy(to, value, strlen(value) + 1);
    return true;
}

/* `into`: the structure that the number is a member of. */
static bool take_number(const json_t *root, const struct record_number *number, void *into) {
    const json_t *value = json_object_get(root, number->name);
    int64_t *to         = (int64_t *)((char *)into + number->offset);
    *to                 = -1;
    if (json_is_null(value))
        return !number->required;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *to = json_integer_value(value);
    return true;
}

/* The array of instants, which a cell may leave out that notes none. */
static bool take_instants(const json_t *list, struct record *r) {
    if (list && (!json_is_array(list) || json_array_size(list) > RECORD_MAX_INSTANTS))
        return false;
    for (r->instants = 0; r->instants < json_array_size(list); r->instants++) {
        struct record_instant *to = &r->instant[r->instants];
        const json_t *from        = json_array_get(list, r->instants);
        if (!take_string(from, "name", to->name, sizeof to->name))
            return false;
        for (size_t i = 0; i < record_instant_numbers_count; i++)
            if (!take_number(from, &record_instant_numbers[i], to))
                return false;
    }
    return true;
}

/* Likewise, of a cell that rests at its instants. */
static bool take_reached(const json_t *list, struct record *r) {
    static const struct record_number at = {"at_ns", offsetof(struct record_reached, at_ns), true};
    if (list && (!json_is_array(list) || json_array_size(list) > RECORD_MAX_REACHED))
        return false;
    for (r->reached_count = 0; r->reached_count < json_array_size(list); r->reached_count++) {
        struct record_reached *to = &r->reached[r->reached_count];
        const json_t *from        = json_array_get(list, r->reached_count);
        if (!take_string(from, "name", to->name, sizeof to->name) || !take_number(from, &at, to))
            return false;
    }
    return true;
}

static bool is_digest(const char *text) {
    return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

/* The name of the first member that is absent or of the wrong kind; NULL: all are good. */
static const char *first_bad_member(const json_t *root, struct record *r) {
    if (json_integer_value(json_object_get(root, "protocol")) != RECORD_PROTOCOL)
        return "protocol";
    if (!take_string(root, "allocator", r->allocator, sizeof r->allocator))
        return "allocator";
    if (!take_string(root, "workload", r->workload, sizeof r->workload))
        return "workload";
    if (!take_string(root, "object", r->object, sizeof r->object))
        return "object";
    if (!take_string(root, "digest", r->digest, sizeof r->digest) || !is_digest(r->digest))
        return "digest";
    const bool says_thp = json_object_get(root, "thp"); /* a cell of another language may not */
    if (says_thp && !take_string(root, "thp", r->thp, sizeof r->thp))
        return "thp";
    const json_t *threads = json_object_get(root, "threads");
    if (!json_is_integer(threads) || json_integer_value(threads) < 1 ||
        json_integer_value(threads) > INT_MAX)
        return "threads";
    r->threads             = (unsigned)json_integer_value(threads);
    const json_t *verified = json_object_get(root, "verified");
    if (!json_is_boolean(verified))
        return "verified";
    r->verified = json_is_true(verified);
    for (size_t i = 0; i < record_numbers_count; i++)
        if (!take_number(root, &record_numbers[i], r))
            return record_numbers[i].name;
    if (!take_instants(json_object_get(root, "instants"), r))
        return "instants";
    if (!take_reached(json_object_get(root, "reached"), r))
        return "reached";
    if (r->ops == 0)
        return "ops";
    if (r->wall_ns == 0)
        return "wall_ns";
    return NULL;
}

bool record_parse(const char *text, size_t length, struct record *r, char *problem, size_t size) {
    json_error_t error;
    *r           = (struct record){0};
    json_t *root = member_load(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        snprintf(problem, size,
                 length ? "the cell printed no valid JSON: %s" : "the cell printed no record",
                 error.text);
        return false;
    }
    const json_t *failed = json_object_get(root, "error");
    const char *check    = json_string_value(json_object_get(failed, "check"));
    const char *message  = json_string_value(json_object_get(failed, "message"));
    const char *bad      = failed ? NULL : first_bad_member(root, r);
    if (failed)
        snprintf(problem, size, "%s: %s", check ? check : "error",
                 message ? message : "no message");
    else if (bad)
        snprintf(problem, size, "the cell's record is not valid: '%s' is absent or wrong", bad);
    json_decref(root);
    return !failed && !bad;
}
