#include "json_member.h"

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void clean_string(json_t *string, void (*clean)(char *)) {
    char *text = strdup(json_string_value(string));
    if (text)
        clean(text);
    json_string_set(string, text ? text : "");
    free(text);
}

/* The parser bounds the depth. NOLINTNEXTLINE(misc-no-recursion) */
static void clean(json_t *json, const char *key) {
    size_t i;
    json_t *value;
    const char *name;
    if (json_is_string(json))
        clean_string(json, strcmp(key, "stacks") == 0 ? text_clean_lines : text_clean);
    json_array_foreach(json, i, value) clean(value, key);
    json_object_foreach(json, name, value) clean(value, name);
}

json_t *member_load(const char *text, size_t length, size_t flags, json_error_t *error) {
    json_t *json = json_loadb(text, length, flags, error);
    clean(json, "");
    return json;
}

const char *member_text(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

bool member_copy(char *to, size_t size, const json_t *object, const char *key) {
    const int length = snprintf(to, size, "%s", member_text(object, key));
    text_clean(to);
    return length > 0 && length < (int)size;
}

bool member_is_name(const char *text, size_t length) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+@.";
    return length > 0 && strspn(text, letters) >= length;
}

bool member_name(char *to, size_t size, const json_t *object, const char *key) {
    return member_copy(to, size, object, key) && member_is_name(to, strlen(to));
}
