#include "checklist.h"

#include "catalogue.h"
#include "member.h"
#include "selection.h"

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
    if (!member_copy(check->name, sizeof check->name, listed, "name") ||
        !member_copy(check->kind, sizeof check->kind, listed, "class") ||
        !member_copy(check->clause, sizeof check->clause, listed, "clause") ||
        !member_copy(check->summary, sizeof check->summary, listed, "summary"))
        return false;
    bool known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        known |= strcmp(check->kind, kinds[i]) == 0;
    return known && read_profiles(listed, &check->profiles);
}

static bool add(struct checklist *list, const struct check_info *check) {
    void *names = catalogue_add(list->name, &list->names, sizeof *list->name, check->name);
    list->name  = names ? names : list->name;
    if (!names || !chosen(list->options, check))
        return names;
    void *grown = catalogue_add(list->check, &list->checks, sizeof *list->check, check);
    list->check = grown ? grown : list->check;
    return grown;
}

bool checklist_names_exist(const struct checklist *list) {
    return selection_globs_match(&list->options->checks, "check", "--list-checks", list->name,
                                 list->names, sizeof *list->name);
}

bool checklist_add(struct checklist *list, struct cell *cell) {
    json_t *document = cell_ask(cell, "--list-checks", "checks", list->options->timeout_seconds);
    const json_t *checks = json_object_get(document, "checks");
    const size_t count   = json_array_size(checks);
    struct check_info check;
    bool good = document != NULL;
    for (size_t i = 0; good && i < count; i++) /* all or none: the others are asked for each */
        good = read_check(json_array_get(checks, i), &check);
    for (size_t i = 0; good && i < count; i++)
        good = read_check(json_array_get(checks, i), &check) && add(list, &check);
    if (document && !good)
        snprintf(cell->broken, sizeof cell->broken, "--list-checks printed no valid list");
    json_decref(document);
    return good;
}

bool checklist_read_known(struct checklist *list) {
    const struct options *o = list->options;
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

void checklist_print(const struct checklist *list, FILE *to) {
    for (size_t i = 0; i < list->checks; i++) {
        const struct check_info *c = &list->check[i];
        fprintf(to, "%-32s  %-22s  %s (%s)\n", c->name, c->kind, c->summary, c->clause);
    }
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

const json_t *checklist_known(const struct checklist *list, const struct cell *cell,
                              const char *check, const char *seen) {
    const json_t *released = *cell->preload ? cell->released : cell->description;
    const char *version    = member_text(released, "version");
    for (size_t i = 0; i < json_array_size(list->known); i++) {
        const json_t *entry = json_array_get(list->known, i);
        const char *of      = member_text(entry, "version");
        if (released &&
            fnmatch(member_text(entry, "object"), member_text(released, "object"), 0) == 0 &&
            fnmatch(member_text(entry, "check"), check, 0) == 0 &&
            (!*of || strcmp(version, of) == 0) &&
            (!seen || strstr(seen, member_text(entry, "seen"))))
            return entry;
    }
    return NULL;
}
