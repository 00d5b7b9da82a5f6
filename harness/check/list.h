/* The conformance checks that the chosen cells offer, and the failures that are known of released
 * allocators. Names only: what a check does is the cell's business. */
#ifndef SPANBENCH_CHECK_LIST_H
#define SPANBENCH_CHECK_LIST_H

#include "options.h"
#include "registry.h"

struct check_info {
    char name[64];
    char kind[32]; /* required, implementation-defined, extension, quality */
    char clause[256];
    char summary[200];
    unsigned profiles; /* bit n: that of options_profiles[n] */
};

struct check_list {
    const struct options *options;
    struct check_info *check; /* sorted by name */
    size_t checks;
    char (*name)[64]; /* of all checks, chosen or not; sorted */
    size_t names;
    json_t *known; /* an array; NULL: none */
};

/* Asks the cell for its checks and keeps those that the options choose. False: it has none; the
 * cell is then broken, and says why. */
bool check_list_add(struct check_list *, struct cell *);

/* Does each glob that the options name match a check? If not, standard error says which does not.
 */
bool check_list_names_exist(const struct check_list *);

/* Reads the file of known failures. If the user named none, a missing file counts as an empty one.
 * False: it is not such a file, and standard error says why. */
bool check_list_read_known(struct check_list *);

/* The checks that the options choose, a line each. */
void check_list_print(const struct check_list *, FILE *);

void check_list_close(struct check_list *);

/* Does a failure count as one in this profile? */
bool check_list_counts(const struct check_info *, unsigned profile);

/* The entry of the file of known failures for this check of this cell, and for what was seen; NULL:
 * there is none. Without `seen`, one that fails in each run: `often` says of another how often it
 * does, and that one says nothing of a run that passes. An entry may be for the versions from
 * `since` on, up to and without `before`, in the order of strverscmp(3): 2.9 comes before 2.10. A
 * library that the user preloads has no entries unless it is a released one
 * (check_list_find_released): a file's name does not tell what is in it. */
const json_t *check_list_known(const struct check_list *, const struct cell *, const char *check,
                               const char *seen);

/* Is there an entry for it that says `hangs`? A hang of a child, which the check tells from a child
 * that is slow. */
bool check_list_known_to_hang(const struct check_list *, const struct cell *, const char *check);

/* Finds preloaded libraries that are not the user's build but the very file that a cell is linked
 * with. What is known of the distribution's library is true of these, and of no others. Sets
 * `released` of each chosen preload whose file, by device and inode, is the object of a cell that
 * is here. Starts cells that are not yet described to ask them; these stay undescribed. */
void check_list_find_released(struct registry *, const bool *chosen, double timeout_seconds);

#endif
