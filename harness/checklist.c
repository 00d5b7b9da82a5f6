#include "checklist.h"

#include "suggest.h"
#include "text.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool chosen(const struct options *o, const struct check_info *check) {
    return options_match(&o->checks, check->name) &&
           (!o->profile || check->profiles & 1u << o->profile);
}

static bool copy(char *to, size_t size, const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    if (!text || !*text || snprintf(to, size, "%s", text) >= (int)size)
        return false;
    text_clean(to);
    return true;
}

static bool add_name(struct checklist *list, const char *name) {
    void *grown = reallocarray(list->name, list->names + 1, sizeof *list->name);
    if (!grown)
        return false;
    list->name = grown;
    snprintf(list->name[list->names++], sizeof *list->name, "%s", name);
    return true;
}

bool checklist_names_exist(const struct checklist *list, const struct options *o) {
    bool all = true;
    for (size_t i = 0; i < o->checks.count; i++) {
        const char *glob = o->checks.item[i];
        size_t n         = 0;
        while (n < list->names && fnmatch(glob, list->name[n], 0) != 0)
            n++;
        if (n < list->names)
            continue;
        const char *near = suggest(glob, list->name, list->names, sizeof *list->name);
        fprintf(stderr,
                "spanbench: no check matches '%s'; %s%s%s--list-checks of a cell lists all\n", glob,
                near ? "did you mean " : "", near ? near : "", near ? "? " : "");
        all = false;
    }
    return all;
}

static bool read_profiles(const json_t *listed, unsigned *profiles) {
    const json_t *names = json_object_get(listed, "profiles");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (!name)
            return false;
        for (unsigned p = 1; options_profiles[p]; p++)
            if (strcmp(name, options_profiles[p]) == 0)
                *profiles |= 1u << p;
    }
    return json_is_array(names);
}

static bool read_check(const json_t *listed, struct check_info *check) {
    static const char *const kinds[] = {"required", "implementation-defined", "extension",
                                        "quality"};
    *check                           = (struct check_info){0};
    if (!copy(check->name, sizeof check->name, listed, "name") ||
        !copy(check->kind, sizeof check->kind, listed, "class") ||
        !copy(check->clause, sizeof check->clause, listed, "clause") ||
        !copy(check->summary, sizeof check->summary, listed, "summary"))
        return false;
    bool known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        known |= strcmp(check->kind, kinds[i]) == 0;
    return known && read_profiles(listed, &check->profiles);
}

static bool add(struct checklist *list, const struct options *o, const struct check_info *check) {
    if (!add_name(list, check->name))
        return false;
    size_t at = 0;
    while (at < list->checks && strcmp(list->check[at].name, check->name) < 0)
        at++;
    const bool there = at < list->checks && strcmp(list->check[at].name, check->name) == 0;
    if (there || !chosen(o, check))
        return true;
    struct check_info *grown = reallocarray(list->check, list->checks + 1, sizeof *grown);
    if (!grown)
        return false;
    list->check = grown;
    memmove(grown + at + 1, grown + at, (list->checks - at) * sizeof *grown);
    grown[at] = *check;
    list->checks++;
    return true;
}

bool checklist_add(struct checklist *list, const struct options *o, struct cell *cell) {
    json_t *document     = cell_ask(cell, "--list-checks", "checks", o->timeout_seconds);
    const json_t *checks = json_object_get(document, "checks");
    const size_t count   = json_array_size(checks);
    struct check_info check;
    bool good = document != NULL;
    for (size_t i = 0; good && i < count; i++) /* all or none: the others are asked for each */
        good = read_check(json_array_get(checks, i), &check);
    for (size_t i = 0; good && i < count; i++)
        good = read_check(json_array_get(checks, i), &check) && add(list, o, &check);
    if (document && !good)
        snprintf(cell->broken, sizeof cell->broken, "--list-checks printed no valid list");
    json_decref(document);
    return good;
}

bool checklist_read_known(struct checklist *list, const struct options *o) {
    json_error_t error;
    const char *path = o->known;
    if (!o->known_named && access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    json_t *document = json_load_file(path, 0, &error);
    list->known      = json_incref(json_object_get(document, "failures"));
    const bool good  = json_is_array(list->known);
    if (!good)
        fprintf(stderr, "spanbench: %s is no file of known failures: %s\n", path,
                document ? "it has no array 'failures'" : error.text);
    json_decref(document);
    return good;
}

void checklist_close(struct checklist *list) {
    free(list->check);
    free(list->name);
    json_decref(list->known);
    *list = (struct checklist){0};
}

bool checklist_counts(const struct check_info *check, unsigned profile) {
    if (profile && !(check->profiles & 1u << profile))
        return false;
    return strcmp(check->kind, "required") == 0 ||
           strcmp(check->kind, "implementation-defined") == 0 ||
           (profile && strcmp(check->kind, "extension") == 0);
}

static const char *text_of(const json_t *entry, const char *key) {
    const char *text = json_string_value(json_object_get(entry, key));
    return text ? text : "";
}

const json_t *checklist_known(const struct checklist *list, const struct cell *cell,
                              const char *check, const char *seen) {
    const char *version = cell_fact(cell, "version");
    for (size_t i = 0; i < json_array_size(list->known); i++) {
        const json_t *entry = json_array_get(list->known, i);
        const char *of      = text_of(entry, "version");
        if (fnmatch(text_of(entry, "object"), cell_fact(cell, "object"), 0) == 0 &&
            fnmatch(text_of(entry, "check"), check, 0) == 0 &&
            (!*version || !*of || strcmp(version, of) == 0) &&
            (!seen || strstr(seen, text_of(entry, "seen"))))
            return entry;
    }
    return NULL;
}
