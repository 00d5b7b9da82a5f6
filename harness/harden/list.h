/* The misuses that the chosen cells offer. Names only: what a misuse does is the cell's business.
 */
#ifndef SPANBENCH_HARDEN_LIST_H
#define SPANBENCH_HARDEN_LIST_H

#include "options.h"
#include "registry.h"

struct misuse_info {
    char name[64];
    char weakness[32];
    char summary[200];
    bool sizeless; /* runs as the first size only */
};

struct harden_list {
    const struct options *options;
    struct misuse_info *misuse; /* sorted by name */
    size_t misuses;
    char (*name)[64]; /* of all misuses, chosen or not; sorted */
    size_t names;
};

/* Asks the cell for its misuses and keeps those that the options choose. False: it has none; the
 * cell is then broken, and says why. */
bool harden_list_add(struct harden_list *, struct cell *);

/* Does each glob that the options name match a misuse? If not, standard error says which does not.
 */
bool harden_list_names_exist(const struct harden_list *);

/* The misuses that the options choose, a line each. */
void harden_list_print(const struct harden_list *, FILE *);

void harden_list_close(struct harden_list *);

#endif
