#include "context.h"

#include "machine.h"
#include "version.h"

const char *context_version(void) {
    return SPANBENCH_VERSION;
}

json_t *context_cell(const struct cell *c) {
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(c->name));
    if (*c->skipped || *c->broken) {
        json_object_set_new(o, *c->skipped ? "skipped" : "broken",
                            json_string(*c->skipped ? c->skipped : c->broken));
        return o;
    }
    json_object_set(o, "version", json_object_get(c->description, "version"));
    json_object_set(o, "object", json_object_get(c->description, "object"));
    json_object_set_new(o, "floor", json_boolean(c->floor));
    json_object_set_new(o, "preload", json_boolean(*c->preload));
    if (variant_is_any(&c->variant))
        json_object_set_new(o, "variables", variant_json(&c->variant));
    return o;
}

void context_add_run(json_t *document, time_t started) {
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime(&started));
    json_object_set_new(document, "version", json_string(context_version()));
    json_object_set_new(document, "started", json_string(text));
    json_object_set_new(document, "machine", machine_facts());
    json_object_set_new(document, "environment", machine_environment());
}
