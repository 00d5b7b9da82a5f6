#include "variant.h"

#include "json_member.h"
#include "text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool is_word(const char *text, size_t length, const char *word) {
    return length == strlen(word) && strncmp(text, word, length) == 0;
}

bool variant_take(struct variant *v, const char *words) {
    *v = (struct variant){0};
    for (const char *s = words + strspn(words, " "); *s; s += strspn(s, " ")) {
        const size_t length = strcspn(s, " ");
        const char *equals  = memchr(s, '=', length);
        if (is_word(s, length, "thp=never"))
            v->thp_never = true;
        else if (is_word(s, length, "watch=off"))
            v->unwatched = true;
        else if (!equals || equals == s || v->variables == VARIANT_VARIABLES ||
                 length >= VARIANT_BYTES || strncmp(s, "LD_PRELOAD=", strlen("LD_PRELOAD=")) == 0)
            return false;
        else
            snprintf(v->variable[v->variables++], VARIANT_BYTES, "%.*s", (int)length, s);
        s += length;
    }
    return variant_is_any(v);
}

bool variant_is_any(const struct variant *v) {
    return v->variables || v->thp_never || v->unwatched;
}

json_t *variant_json(const struct variant *v) {
    json_t *words = json_array();
    for (size_t i = 0; i < v->variables; i++) {
        char text[VARIANT_BYTES];
        memcpy(text, v->variable[i], sizeof text);
        text_clean(text);
        json_array_append_new(words, json_string(text));
    }
    if (v->thp_never)
        json_array_append_new(words, json_string("thp=never"));
    if (v->unwatched)
        json_array_append_new(words, json_string("watch=off"));
    return words;
}

json_t *variant_tunings(const char *cells) {
    char path[PATH_MAX + 32];
    json_error_t error;
    snprintf(path, sizeof path, "%s/../tunings.json", cells);
    json_t *all = json_load_file(path, 0, &error);
    if (json_is_array(all))
        return all;
    text_say("cannot read %s: %s; build it with 'make'", path, error.text);
    json_decref(all);
    return NULL;
}

bool variant_tuning_is_for(const json_t *tuning, const char *allocator) {
    const char *of = member_text(tuning, "allocator");
    return strcmp(of, "*") == 0 || strcmp(of, allocator) == 0;
}

/* Variables of the environment that allocators read are in capitals. What is not is a misspelt
 * tuning, and would have no effect. */
static bool is_variable(const char *text) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    const size_t length         = strspn(text, letters);
    return length && text[length] == '=' && !strchr("0123456789", *text);
}

const char *variant_words(const json_t *tunings, const char *allocator, const char *name) {
    for (size_t i = 0; i < json_array_size(tunings); i++) {
        const json_t *tuning = json_array_get(tunings, i);
        if (variant_tuning_is_for(tuning, allocator) &&
            strcmp(member_text(tuning, "name"), name) == 0)
            return member_text(tuning, "variables");
    }
    return is_variable(name) ? name : NULL;
}
