#include "json_member.h"

#include "text.h"

#include <stdio.h>

const char *member_text(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

bool member_copy(char *to, size_t size, const json_t *object, const char *key) {
    const int length = snprintf(to, size, "%s", member_text(object, key));
    text_clean(to);
    return length > 0 && length < (int)size;
}
