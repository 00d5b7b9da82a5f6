#include "list.h"

#include "catalogue.h"
#include "json_member.h"
#include "selection.h"
#include "spawn.h"
#include "text.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    if (!member_name(check->name, sizeof check->name, listed, "name") ||
        !member_copy(check->kind, sizeof check->kind, listed, "class") ||
        !member_copy(check->clause, sizeof check->clause, listed, "clause") ||
        !member_copy(check->summary, sizeof check->summary, listed, "summary"))
        return false;
    bool known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        known |= strcmp(check->kind, kinds[i]) == 0;
    return known && read_profiles(listed, &check->profiles);
}

static bool add(struct check_list *list, const struct check_info *check) {
    void *names = catalogue_add(list->name, &list->names, sizeof *list->name, check->name);
    list->name  = names ? names : list->name;
    if (!names || !chosen(list->options, check))
        return names;
    void *grown = catalogue_add(list->check, &list->checks, sizeof *list->check, check);
    list->check = grown ? grown : list->check;
    return grown;
}

bool check_list_names_exist(const struct check_list *list) {
    return selection_globs_match(&list->options->checks, "check", "--list-checks", list->name,
                                 list->names, sizeof *list->name);
}

bool check_list_add(struct check_list *list, struct cell *cell) {
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

bool check_list_read_known(struct check_list *list) {
    const struct options *o = list->options;
    json_error_t error;
    const char *path = o->known;
    if (!o->known_named && access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    json_t *document = json_load_file(path, 0, &error); /* the user's own */
    list->known      = json_incref(json_object_get(document, "failures"));
    const bool good  = json_is_array(list->known);
    if (!good)
        text_say("%s is not a file of known failures: %s", path,
                 document ? "it has no array 'failures'" : error.text);
    json_decref(document);
    return good;
}

void check_list_print(const struct check_list *list, FILE *to) {
    for (size_t i = 0; i < list->checks; i++) {
        const struct check_info *c = &list->check[i];
        fprintf(to, "%-32s  %-22s  %s (%s)\n", c->name, c->kind, c->summary, c->clause);
    }
}

void check_list_close(struct check_list *list) {
    free(list->check);
    free(list->name);
    json_decref(list->known);
    *list = (struct check_list){0};
}

bool check_list_counts(const struct check_info *check, unsigned profile) {
    if (profile && !(check->profiles & 1u << profile))
        return false;
    return strcmp(check->kind, "required") == 0 ||
           strcmp(check->kind, "implementation-defined") == 0 ||
           (profile && strcmp(check->kind, "extension") == 0);
}

/* Is the version in the entry's range? One that the cell does not say is in none. */
static bool in_range(const json_t *entry, const char *version) {
    const char *since = member_text(entry, "since"), *before = member_text(entry, "before");
    return (!*since && !*before) || (*version && strverscmp(since, version) <= 0 &&
                                     (!*before || strverscmp(version, before) < 0));
}

/* Is the entry for this check of this cell? */
static bool is_of(const json_t *entry, const struct cell *cell, const char *check) {
    const json_t *released = *cell->preload ? cell->released : cell->description;
    return released &&
           fnmatch(member_text(entry, "object"), member_text(released, "object"), 0) == 0 &&
           fnmatch(member_text(entry, "check"), check, 0) == 0 &&
           in_range(entry, member_text(released, "version"));
}

const json_t *check_list_known(const struct check_list *list, const struct cell *cell,
                               const char *check, const char *seen) {
    for (size_t i = 0; i < json_array_size(list->known); i++) {
        const json_t *entry = json_array_get(list->known, i);
        const bool fits     = seen ? strstr(seen, member_text(entry, "seen")) != NULL
                                   : !json_object_get(entry, "often");
        if (fits && is_of(entry, cell, check))
            return entry;
    }
    return NULL;
}

bool check_list_known_to_hang(const struct check_list *list, const struct cell *cell,
                              const char *check) {
    bool hangs = false;
    for (size_t i = 0; i < json_array_size(list->known); i++) {
        const json_t *entry = json_array_get(list->known, i);
        hangs |= json_is_true(json_object_get(entry, "hangs")) && is_of(entry, cell, check);
    }
    return hangs;
}

static json_t *describe(const struct cell *c, double timeout_seconds) {
    static struct spawn_result result;
    if (c->description)
        return json_incref(c->description);
    cell_run(c, (const char *const[]){"--describe", NULL},
             (struct spawn_request){.timeout_seconds = timeout_seconds}, &result);
    return member_load(result.record, result.record_length, 0, NULL);
}

static bool same_file(const char *a, const char *b) {
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

void check_list_find_released(struct registry *r, const bool *chosen, double timeout_seconds) {
    bool any = false;
    for (size_t i = 0; i < r->cells; i++)
        any |= chosen[i] && *r->cell[i].preload;
    for (size_t own = 0; any && own < r->cells && !spawn_interrupted(); own++) {
        if (*r->cell[own].preload || *r->cell[own].skipped || *r->cell[own].broken)
            continue;
        json_t *description = describe(&r->cell[own], timeout_seconds);
        for (size_t i = 0; i < r->cells; i++) {
            struct cell *c = &r->cell[i];
            if (chosen[i] && *c->preload && !c->released &&
                same_file(c->preload, member_text(description, "object")))
                c->released = json_incref(description);
        }
        json_decref(description);
    }
}
