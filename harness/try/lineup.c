#include "lineup.h"

#include "json_member.h"
#include "suggest.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct row *add_row(struct lineup *l) {
    struct row *grown = reallocarray(l->row, l->rows + 1, sizeof *grown);
    if (!grown) {
        text_say("out of memory");
        return NULL;
    }
    l->row          = grown;
    l->row[l->rows] = (struct row){0};
    return &l->row[l->rows++];
}

static const struct row *find_row(const struct lineup *l, const char *name) {
    for (size_t i = 0; i < l->rows; i++)
        if (strcmp(l->row[i].name, name) == 0)
            return &l->row[i];
    return NULL;
}

/* A cell knows the library that can be preloaded, mostly the one that it is linked with. */
static bool add_cell(struct lineup *l, const struct cell *c) {
    if (c->floor)
        return true; /* not an allocator */
    struct row *row = add_row(l);
    const char *none;
    if (!row)
        return false;
    snprintf(row->name, sizeof row->name, "%s", c->name);
    snprintf(row->allocator, sizeof row->allocator, "%.*s", (int)strcspn(c->name, ":"), c->name);
    row->own = c->variant;
    if (*c->skipped || *c->broken) {
        snprintf(row->cause, sizeof row->cause, "%s", *c->skipped ? c->skipped : c->broken);
        row->absent = true;
    } else if ((none = cell_library(c, row->library))) {
        snprintf(row->cause, sizeof row->cause, "%s", none);
        row->absent = true;
    }
    return true;
}

static bool is_known(const struct registry *r, const char *name) {
    bool known = false;
    for (size_t i = 0; i < r->cells; i++)
        known |= strcmp(r->cell[i].name, name) == 0;
    return known;
}

/* "system:MALLOC_ARENA_MAX=2" */
static bool add_variant(struct lineup *l, const struct registry *r, const char *name,
                        const char *variables) {
    char base[64];
    snprintf(base, sizeof base, "%.*s", (int)strcspn(name, ":"), name);
    const struct row *of = find_row(l, base);
    if (!of || !strchr(name, ':')) {
        const char *near = suggest(base, l->row, l->rows, sizeof *l->row);
        if (!of && is_known(r, base)) {
            text_say("--row '%s': %s is not among those that are tried; add it to --allocators",
                     name, base);
            return false;
        }
        text_say("--row takes ALLOCATOR:VARIABLE=VALUE, not '%s'; there is no allocator "
                 "'%s' among those that are tried%s%s%s",
                 name, base, near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
        return false;
    }
    const struct row copy = *of;
    if (find_row(l, name))
        return true; /* twice the same */
    struct row *row = add_row(l);
    if (!row)
        return false;
    *row = copy;
    if (snprintf(row->name, sizeof row->name, "%s", name) < (int)sizeof row->name &&
        variant_take(&row->own, variables))
        return true;
    text_say("--row takes at most %d words VARIABLE=VALUE, thp=never or watch=off after "
             "the colon, and not LD_PRELOAD: '%s'",
             VARIANT_VARIABLES, name);
    return false;
}

/* The tunings of the allocators that are tried, from tunings.json beside this program. */
static bool add_tunings(struct lineup *l, const struct try_options *o,
                        const struct registry *known) {
    json_t *all         = variant_tunings(o->common.cells);
    const size_t before = l->rows;
    bool good           = all;
    for (size_t i = 0; good && i < json_array_size(all); i++) {
        const json_t *tuning  = json_array_get(all, i);
        const char *variables = member_text(tuning, "variables");
        for (size_t r = 0; good && r < before; r++) {
            const struct row *row = &l->row[r];
            char name[sizeof row->name];
            if (variant_is_any(&row->own) || !variant_tuning_is_for(tuning, row->name))
                continue;
            snprintf(name, sizeof name, "%s:%s", row->name, member_text(tuning, "name"));
            good = add_variant(l, known, name, variables);
        }
    }
    for (size_t r = before; r < l->rows; r++)
        l->row[r].own.documented = true;
    json_decref(all);
    return good;
}

/* Each row once more, with the other build. */
static bool add_against(struct lineup *l) {
    bool good = true;
    for (size_t i = 0, before = l->rows; good && i < before; i++) {
        const struct row copy = l->row[i];
        struct row *row       = add_row(l);
        good                  = row;
        if (!good)
            break;
        *row         = copy;
        row->against = true;
        snprintf(row->name, sizeof row->name, "%.*s" LINEUP_AGAINST,
                 (int)(sizeof row->name - sizeof LINEUP_AGAINST), copy.name);
    }
    return good;
}

static bool is_named(const char *variable, const char *name, size_t length) {
    return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

/* Sets NAME=VALUE in a list that has room for it. */
static bool put(char **list, size_t *count, const char *variable) {
    const size_t length = strcspn(variable, "=");
    char *copy          = strdup(variable);
    for (size_t i = 0; copy && i < *count; i++)
        if (is_named(list[i], variable, length)) {
            free(list[i]);
            list[i] = copy;
            return true;
        }
    if (copy)
        list[(*count)++] = copy;
    return copy;
}

static bool make_environment(struct row *row, const struct names *variables) {
    size_t inherited = 0, count = 0;
    while (environ[inherited])
        inherited++;
    row->environment =
        calloc(inherited + variables->count + row->own.variables + 2, sizeof *row->environment);
    bool good = row->environment;
    for (size_t i = 0; good && i < inherited; i++)
        if (!is_named(environ[i], "LD_PRELOAD", strlen("LD_PRELOAD")))
            good = put(row->environment, &count, environ[i]);
    for (size_t i = 0; good && i < variables->count; i++)
        good = put(row->environment, &count, variables->item[i]);
    for (size_t i = 0; good && i < row->own.variables; i++)
        good = put(row->environment, &count, row->own.variable[i]);
    if (good && *row->library) {
        char preload[PATH_MAX + 16];
        if (!preload_link_open(&row->preload, row->library)) {
            text_say("cannot make a link to %s: %s", row->library, strerrordesc_np(errno));
            return false;
        }
        snprintf(preload, sizeof preload, "LD_PRELOAD=%s", row->preload.path);
        good = put(row->environment, &count, preload);
    }
    if (!good)
        text_say("out of memory");
    return good;
}

bool lineup_open(struct lineup *l, const struct try_options *o, const struct registry *r,
                 const bool *chosen) {
    *l        = (struct lineup){0};
    bool good = true;
    for (size_t i = 0; good && i < r->cells; i++)
        if (chosen[i])
            good = add_cell(l, &r->cell[i]);
    if (good && o->tunings)
        good = add_tunings(l, o, r);
    for (size_t i = 0; good && i < o->extra_rows.count; i++) {
        const char *name  = o->extra_rows.item[i];
        const char *colon = strchr(name, ':');
        good              = add_variant(l, r, name, colon ? colon + 1 : "");
    }
    if (good && o->against)
        good = add_against(l);
    for (size_t i = 0; good && i < l->rows; i++)
        good = make_environment(&l->row[i], &o->variables);
    struct row none = {0};
    good            = good && make_environment(&none, &o->variables);
    l->plain        = none.environment;
    return good;
}

static void free_list(char **list) {
    for (char **v = list; v && *v; v++)
        free(*v);
    free(list);
}

void lineup_close(struct lineup *l) {
    for (size_t i = 0; i < l->rows; i++) {
        preload_link_close(&l->row[i].preload);
        free_list(l->row[i].environment);
    }
    free_list(l->plain);
    free(l->row);
    *l = (struct lineup){0};
}

size_t lineup_left(const struct lineup *l) {
    size_t left = 0;
    for (size_t i = 0; i < l->rows; i++)
        left += !*l->row[i].cause;
    return left;
}
