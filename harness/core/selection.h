/* Finds what takes part in a run by the names that the user gave: allocators, workloads, checks. */
#ifndef SPANBENCH_SELECTION_H
#define SPANBENCH_SELECTION_H

#include "options.h"
#include "registry.h"

/* Opens the registry, adds the preloads, chooses the cells that the options name (none named: all
 * but rivals; preloads always, rivals if the options ask for them) and describes them. `chosen` is
 * a new array with one flag a cell, which the caller frees. False: the environment or a name is
 * wrong; standard error says how, and lists the names. The caller closes the registry in any case.
 */
bool selection_open(const struct options *, struct registry *, bool **chosen);

/* Asks a cell for what it offers, and marks one that offers nothing as broken. */
typedef void selection_question(void *arg, struct cell *);

/* Asks the chosen cells, and takes those from `chosen` that cannot take part: they are broken,
 * skipped, or the floor, and standard error says so. Is one left? */
bool selection_ask(struct registry *, bool *chosen, selection_question *, void *arg);

/* The exit code of a run that itself ended with `code` (exit_code.h), after a look at the cells
 * that did not take part. A broken cell is a finding. A run in which an allocator is missing that
 * the user named is not a good one. Standard error names both; `done` is what was not done to them.
 */
int selection_exit_code(const struct options *, const struct registry *, const char *done,
                        int code);

/* Do the options choose the workload, by its name or by its group? Nothing named: those of the
 * core, or, with sizes, those that take them. */
bool selection_workload(const struct options *, const struct workload_info *);

/* Does each name that the options choose belong to a workload or a group, or is it "all"? And does
 * a chosen one take the sizes, if there are any? If not, standard error says which there are. */
bool selection_workloads_exist(const struct options *, const struct registry *);

/* Does each glob match a name among `count` items, which lie `stride` bytes apart and begin with
 * their names? If not, standard error says so, and which may have been meant. `kind` is what they
 * are, `option` the option that lists all. */
bool selection_globs_match(const struct names *globs, const char *kind, const char *option,
                           const void *items, size_t count, size_t stride);

#endif
