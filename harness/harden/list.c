#include "list.h"

#include "catalogue.h"
#include "json_member.h"
#include "selection.h"

#include <stdlib.h>

bool harden_list_names_exist(const struct harden_list *list) {
    return selection_globs_match(&list->options->misuses, "misuse", "--list-misuses", list->name,
                                 list->names, sizeof *list->name);
}

static bool add(struct harden_list *list, const json_t *listed) {
    struct misuse_info info = {.sizeless = json_is_true(json_object_get(listed, "sizeless"))};
    if (!member_name(info.name, sizeof info.name, listed, "name") ||
        !member_copy(info.weakness, sizeof info.weakness, listed, "weakness") ||
        !member_copy(info.summary, sizeof info.summary, listed, "summary"))
        return false;
    void *names = catalogue_add(list->name, &list->names, sizeof *list->name, info.name);
    list->name  = names ? names : list->name;
    if (!names || !options_match(&list->options->misuses, info.name))
        return names;
    void *grown  = catalogue_add(list->misuse, &list->misuses, sizeof *list->misuse, &info);
    list->misuse = grown ? grown : list->misuse;
    return grown;
}

bool harden_list_add(struct harden_list *list, struct cell *cell) {
    json_t *document = cell_ask(cell, "--list-misuses", "misuses", list->options->timeout_seconds);
    const json_t *misuses = json_object_get(document, "misuses");
    bool good             = document != NULL;
    for (size_t i = 0; good && i < json_array_size(misuses); i++)
        good = add(list, json_array_get(misuses, i));
    if (document && !good)
        snprintf(cell->broken, sizeof cell->broken, "--list-misuses printed no valid list");
    json_decref(document);
    return good;
}

void harden_list_print(const struct harden_list *list, FILE *to) {
    for (size_t i = 0; i < list->misuses; i++)
        fprintf(to, "%-28s  %-8s  %s\n", list->misuse[i].name, list->misuse[i].weakness,
                list->misuse[i].summary);
}

void harden_list_close(struct harden_list *list) {
    free(list->misuse);
    free(list->name);
    *list = (struct harden_list){0};
}
