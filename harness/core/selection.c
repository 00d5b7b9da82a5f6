#include "selection.h"

#include "catalogue.h"
#include "exit_code.h"
#include "suggest.h"
#include "text.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool named(const struct names *names, const char *name) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->item[i], name) == 0)
            return true;
    return false;
}

static bool unknown(const char *kind, const char *name, const void *list, size_t count,
                    size_t stride) {
    const char *near = suggest(name, list, count, stride);
    char *all        = NULL;
    size_t length    = 0;
    FILE *text       = open_memstream(&all, &length);
    for (size_t i = 0; text && i < count; i++) /* each item begins with its name */
        fprintf(text, "%s %s", i ? "," : "", (const char *)list + i * stride);
    if (text)
        fclose(text);
    text_say("unknown %s '%s'; %s%s%sthe %ss are%s", kind, name, near ? "did you mean " : "",
             near ? near : "", near ? "? " : "", kind, all ? all : "");
    free(all);
    return false;
}

static bool choose(const struct options *o, const struct registry *r, bool *chosen) {
    bool rivals = false;
    for (size_t i = 0; i < r->cells; i++) {
        const struct cell *c = &r->cell[i];
        rivals |= c->rival;
        chosen[i] = named(&o->allocators, c->name) || *c->preload ||
                    (c->rival ? o->rivals : !o->allocators.count);
    }
    if (o->rivals && !rivals) {
        fputs("spanbench: there are no rivals here; 'make rivals' fetches them\n", stderr);
        return false;
    }
    for (size_t n = 0; n < o->allocators.count; n++) {
        bool known = false;
        for (size_t i = 0; i < r->cells && !known; i++)
            known = strcmp(r->cell[i].name, o->allocators.item[n]) == 0;
        if (!known)
            return unknown("allocator", o->allocators.item[n], r->cell, r->cells, sizeof *r->cell);
    }
    return true;
}

/* Names with a colon are of allocators with options. */
static bool add_variants(const struct options *o, struct registry *r) {
    char problem[1000];
    json_t *tunings = NULL;
    bool good       = true;
    for (size_t n = 0; good && n < o->allocators.count; n++) {
        const char *name = o->allocators.item[n];
        if (!strchr(name, ':'))
            continue;
        if (!registry_has_base(r, name, problem, sizeof problem)) {
            text_say("%s", problem);
            good = false;
            break;
        }
        tunings = tunings ? tunings : variant_tunings(o->cells);
        good    = tunings;
        if (good && !registry_add_variant(r, tunings, name, problem, sizeof problem)) {
            text_say("%s", problem);
            good = false;
        }
        if (good && o->command != COMMAND_RUN && r->cell[r->cells - 1].variant.thp_never) {
            text_say("%s: huge pages are of run and try", name);
            good = false;
        }
    }
    json_decref(tunings);
    return good;
}

bool selection_open(const struct options *o, struct registry *r, bool **chosen) {
    char problem[2 * PATH_MAX];
    *chosen   = NULL;
    bool good = registry_open(r, o->cells, problem, sizeof problem);
    for (size_t i = 0; good && i < o->preloads.count; i++)
        good = registry_add_preload(r, o->preloads.item[i], problem, sizeof problem);
    if (!good)
        text_say("%s", problem);
    good = good && add_variants(o, r);
    if (good && o->histogram && !(r->sizes = histogram_text(o->histogram)))
        good = false;
    *chosen = good ? calloc(r->cells, sizeof **chosen) : NULL;
    if (!*chosen || !choose(o, r, *chosen))
        return false;
    for (size_t i = 0; i < r->cells; i++)
        if ((*chosen)[i])
            registry_describe(r, i, o->timeout_seconds);
    return true;
}

bool selection_globs_match(const struct names *globs, const char *kind, const char *option,
                           const void *items, size_t count, size_t stride) {
    bool all = true;
    for (size_t g = 0; g < globs->count; g++) {
        const char *glob = globs->item[g];
        size_t i         = 0;
        while (i < count && fnmatch(glob, (const char *)items + i * stride, 0) != 0)
            i++;
        if (i < count)
            continue;
        const char *near = suggest(glob, items, count, stride);
        text_say("no %s matches '%s'; %s%s%s%s lists all", kind, glob, near ? "did you mean " : "",
                 near ? near : "", near ? "? " : "", option);
        all = false;
    }
    return all;
}

static bool takes_part(const struct cell *c) {
    if (!*c->broken && !*c->skipped && !c->floor)
        return true;
    text_say("%s is %s: %s", c->name, *c->broken ? "BROKEN" : "skipped",
             *c->broken    ? c->broken
             : *c->skipped ? c->skipped
                           : "it measures the harness alone and is not an allocator");
    return false;
}

bool selection_ask(struct registry *r, bool *chosen, selection_question *ask, void *arg) {
    bool any = false;
    for (size_t i = 0; i < r->cells; i++) {
        struct cell *c = &r->cell[i];
        if (!chosen[i])
            continue;
        if (!*c->skipped && !*c->broken && !c->floor)
            ask(arg, c);
        chosen[i] = takes_part(c);
        any |= chosen[i];
    }
    return any;
}

int selection_exit_code(const struct options *o, const struct registry *r, const char *done,
                        int code) {
    for (size_t i = 0; i < r->cells; i++) {
        const struct cell *c = &r->cell[i];
        const bool absent    = *c->skipped && (*c->preload || named(&o->allocators, c->name));
        if (absent)
            text_say("%s was not %s, although you named it: %s", c->name, done, c->skipped);
        else if (*c->broken)
            text_say("%s was not %s: it is BROKEN", c->name, done);
        const int its = absent ? EXIT_WRONG_USE : *c->broken ? EXIT_FINDING : EXIT_GOOD;
        code          = its > code ? its : code;
    }
    return code;
}

static const char every_group[] = "all";

bool selection_workload(const struct options *o, const struct workload_info *w) {
    if (!o->workloads.count && !o->groups.count)
        return o->histogram ? w->takes_sizes : strcmp(w->group, REGISTRY_CORE) == 0;
    return named(&o->workloads, w->name) || named(&o->workloads, w->group) ||
           named(&o->groups, w->group) || named(&o->groups, every_group) ||
           named(&o->workloads, every_group);
}

/* Does a workload have this group or, if it may, this name? */
static bool is_known(const struct registry *r, const char *name, bool by_name) {
    bool known = strcmp(name, every_group) == 0;
    for (size_t i = 0; i < r->workloads && !known; i++)
        known = strcmp(r->workload[i].group, name) == 0 ||
                (by_name && strcmp(r->workload[i].name, name) == 0);
    return known;
}

struct group_name {
    char name[sizeof((struct workload_info *)NULL)->group];
};

/* Complains of a group, and lists those that exist. */
static bool unknown_group(const struct registry *r, const char *name) {
    struct group_name *groups = NULL, one;
    size_t count              = 0;
    for (size_t i = 0; i <= r->workloads; i++) {
        snprintf(one.name, sizeof one.name, "%s",
                 i < r->workloads ? r->workload[i].group : every_group);
        struct group_name *grown = catalogue_add(groups, &count, sizeof one, &one);
        groups                   = grown ? grown : groups;
    }
    unknown("group", name, groups, count, sizeof one);
    free(groups);
    return false;
}

/* Is a workload chosen that takes the sizes of the options? */
static bool take_sizes(const struct options *o, const struct registry *r) {
    const struct workload_info *one = NULL;
    for (size_t i = 0; i < r->workloads; i++) {
        if (!r->workload[i].takes_sizes)
            continue;
        one = &r->workload[i];
        if (selection_workload(o, one))
            return true;
    }
    text_say("--sizes: no chosen workload takes sizes%s%s", one ? "; add --workloads " : "",
             one ? one->name : "");
    return false;
}

bool selection_workloads_exist(const struct options *o, const struct registry *r) {
    for (size_t n = 0; n < o->workloads.count && r->workloads; n++)
        if (!is_known(r, o->workloads.item[n], true))
            return unknown("workload", o->workloads.item[n], r->workload, r->workloads,
                           sizeof *r->workload);
    for (size_t n = 0; n < o->groups.count && r->workloads; n++)
        if (!is_known(r, o->groups.item[n], false))
            return unknown_group(r, o->groups.item[n]);
    return !o->histogram || take_sizes(o, r);
}
