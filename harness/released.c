#include "released.h"

#include "member.h"

#include <sys/stat.h>

static json_t *describe(const struct cell *c, double timeout_seconds) {
    static struct spawn_result result;
    if (c->description)
        return json_incref(c->description);
    cell_run(c, (const char *const[]){"--describe", NULL},
             (struct spawn_request){.timeout_seconds = timeout_seconds}, &result);
    return json_loadb(result.record, result.record_length, 0, NULL);
}

static bool same_file(const char *a, const char *b) {
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

void released_find(struct registry *r, const bool *chosen, double timeout_seconds) {
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
