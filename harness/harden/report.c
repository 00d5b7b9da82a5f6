#include "report.h"

#include "context.h"

static json_t *result_json(const struct harden_table *t, size_t cell, size_t misuse,
                           unsigned size) {
    unsigned of[HARDEN_RESULT_ENDS]  = {0};
    const struct harden_result *runs = harden_table_at(t, cell, misuse, size);
    const char *class = t->list->misuse[misuse].sizeless ? NULL : options_sizes[size];
    json_t *counts = json_object(), *list = json_array();
    harden_table_count(t, runs, of);
    for (unsigned k = 0; k < HARDEN_RESULT_ENDS; k++)
        if (of[k])
            json_object_set_new(counts, harden_result_word[k], json_integer(of[k]));
    for (unsigned r = 0; r < t->options->runs; r++) {
        char command[CELL_COMMAND_BYTES];
        harden_result_command(t->options, &t->registry->cell[cell], &t->list->misuse[misuse],
                              options_sizes[size], runs[r].seed, command, sizeof command);
        json_array_append_new(list, json_pack("{s:I, s:s, s:s, s:s, s:s, s:f, s:s}", "seed",
                                              (json_int_t)runs[r].seed, "outcome",
                                              harden_result_word[runs[r].end], "step", runs[r].step,
                                              "what", runs[r].what, "seen", runs[r].seen, "seconds",
                                              runs[r].seconds, "repeat", command));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "allocator", t->registry->cell[cell].name,
                     "misuse", t->list->misuse[misuse].name, "size",
                     class ? json_string(class) : json_null(), "outcomes", counts, "runs", list);
}

json_t *harden_report_json(const struct harden_table *t) {
    json_t *cells = json_array(), *misuses = json_array(), *results = json_array();
    for (size_t m = 0; m < t->list->misuses; m++)
        json_array_append_new(misuses, json_pack("{s:s, s:s, s:s}", "name", t->list->misuse[m].name,
                                                 "weakness", t->list->misuse[m].weakness, "summary",
                                                 t->list->misuse[m].summary));
    for (size_t i = 0; i < t->registry->cells; i++) {
        const struct cell *c = &t->registry->cell[i];
        if (t->chosen[i] || *c->skipped || *c->broken)
            json_array_append_new(cells, context_cell(c));
        if (!t->chosen[i])
            continue;
        for (size_t m = 0; m < t->list->misuses; m++)
            for (unsigned s = 0; s < OPTIONS_SIZES; s++)
                if (harden_table_has(t, i, m, s))
                    json_array_append_new(results, result_json(t, i, m, s));
    }
    json_t *document =
        json_pack("{s:i, s:b, s:I, s:I, s:f, s:o, s:o, s:o}", "schema", 1, "complete",
                  (int)t->complete, "seed", (json_int_t)t->options->seed, "runs",
                  (json_int_t)t->options->runs, "timeout_seconds", t->options->timeout_seconds,
                  "allocators", cells, "misuses", misuses, "results", results);
    context_add_run(document, t->started);
    return document;
}
