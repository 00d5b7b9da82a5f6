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
    char (*name)[64]; /* of all checks that there are, chosen or not; sorted */
    size_t names;
    json_t *known; /* an array; NULL: none */
};

/* Asks the cell for its checks and keeps those that the options choose. False: it has none; the
 * cell is then broken, and says why. */
bool check_list_add(struct check_list *, struct cell *);

/* Is there, for each glob that the options name, a check? If not, standard error says so. */
bool check_list_names_exist(const struct check_list *);

/* Reads the file of known failures; where the user named none, one that is not there is an empty
 * one. False: it is no such file, and standard error says why. */
bool check_list_read_known(struct check_list *);

/* The checks that the options choose, a line each. */
void check_list_print(const struct check_list *, FILE *);

void check_list_close(struct check_list *);

/* Does a failure count as one in this profile? */
bool check_list_counts(const struct check_info *, unsigned profile);

/* The entry of the file of known failures for this check of this cell, and for what was seen where
 * `seen` is given; NULL: there is none. An entry of a version is for that version alone, and none
 * is for a library that the user preloads, unless it is a released one (released.h): how a file is
 * called says nothing of what is in it. */
const json_t *check_list_known(const struct check_list *, const struct cell *, const char *check,
                               const char *seen);

/* Preloaded libraries that are no build of the user's but the very file that a cell of its own is
 * linked with: what is known of the distribution's library is true of these, and of no others.
 * Sets `released` of each chosen preload whose file, by device and inode, is the object of a cell
 * that is here. Starts cells that are not yet described to ask them; these stay undescribed. */
void check_list_find_released(struct registry *, const bool *chosen, double timeout_seconds);

#endif
