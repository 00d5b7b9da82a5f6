#include "hang.h"

#include "descendants.h"
#include "spawn.h"

#include <stdio.h>
#include <string.h>

/* Of the time that a check has. By default that is 5 s; a check that works takes a few at most. */
enum { SHORTER = 36, LEAST_SECONDS = 1 };
/* Who had less than this part of its time, and does not sleep, was kept from its work by others. */
static const double little = 0.1;

static double short_seconds(const struct options *o) {
    const double seconds = o->timeout_seconds / SHORTER;
    return seconds < LEAST_SECONDS ? LEAST_SECONDS : seconds;
}

static void look(void *arg, pid_t child) {
    *(char *)arg = descendants_state(child);
}

static bool returns(const struct options *o, const struct cell *cell, const char *function) {
    static struct spawn_result result;
    const double limit = short_seconds(o);
    char state         = 'S';
    cell_run(cell, (const char *const[]){"--returns", function, NULL},
             (struct spawn_request){.timeout_seconds = limit, .stuck = look, .arg = &state},
             &result);
    if (result.end != SPAWN_TIMED_OUT)
        return true;
    return state != 'S' && result.cpu_seconds < little * limit;
}

void check_hang_learn(struct check_hang *h, const struct options *o, const struct cell *cell,
                      const struct check_info *check) {
    const char *name;
    json_t *object;
    if (h->asked)
        return;
    h->asked = true;
    json_object_foreach(json_object_get(cell->description, "slots"), name, object) {
        const size_t length = strlen(h->functions);
        if (!spawn_interrupted() && json_is_string(object) && !returns(o, cell, name))
            snprintf(h->functions + length, sizeof h->functions - length, "%s%.40s",
                     length ? ", " : "", name);
    }
    snprintf(h->check, sizeof h->check, "%s", check->name);
}

double check_hang_timeout(const struct check_hang *h, const struct options *o) {
    return *h->functions ? short_seconds(o) : o->timeout_seconds;
}

void check_hang_describe(const struct check_hang *h, const struct options *o, char *text,
                         size_t size) {
    snprintf(text, size,
             "no end after %g s, and it got no more: calls of %s do not return, which %s found. "
             "Alone, the check has %g s",
             check_hang_timeout(h, o), h->functions, h->check, o->timeout_seconds);
}
