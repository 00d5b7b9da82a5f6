/* The directory of one run, <parent>/<UTC time>-<host>/, and the link <parent>/latest to the
 * newest. (Another command's link has another name.)
 *
 * Files are written without a name, or under a temporary one, and renamed, so that a reader never
 * sees half a file.
 * Their space is reserved before the first sample runs: a full disk is found then, not after. */
#ifndef SPANBENCH_RESULTS_H
#define SPANBENCH_RESULTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { RESULTS_PROBLEM_BYTES = 3 * PATH_MAX }; /* of a text that says what is wrong */

struct results {
    char parent[PATH_MAX / 2];
    char name[128];           /* of the run: 20261120T101500Z-host */
    char directory[PATH_MAX]; /* parent/name */
    int lock; /* the directory, opened and locked (flock(2)) for as long as this process lives */
};

/* Creates the directory (and its parent). Removes what runs that were killed left, whose directory
 * no process has locked: files under construction, by their names, and empty directories. False:
 * `problem` says why and what to do. */
bool results_open(struct results *, const char *parent, char *problem, size_t size);

/* A file under construction. */
struct results_file {
    FILE *stream; /* NULL: not open */
    char final[PATH_MAX], temporary[PATH_MAX];
    bool unnamed; /* `temporary` is not there before the commit */
    bool hurried; /* the commit does not wait for the disk: enough against the death of this process
                   */
};

/* Opens `name` in the directory for writing, with so many bytes reserved on the disk (0: none). */
bool results_create(const struct results *, const char *name, size_t reserve, struct results_file *,
                    char *problem, size_t size);

/* Ends the file at the current position and gives it its name. False: the file of that name, if
 * any, is as it was. Closes the stream either way. */
bool results_commit(struct results_file *, char *problem, size_t size);

/* Puts a copy of what is written so far in place of the file of that name. The commit will replace
 * it again: the copy is what stays of a process that is killed. False: `problem` says why, and the
 * file of that name, if any, is as it was. */
bool results_show(const struct results *, struct results_file *, char *problem, size_t size);

/* Gives up a file that was not committed; nothing of it stays. */
void results_discard(struct results_file *);

/* Points <parent>/<link> at this run. */
bool results_publish(const struct results *, const char *link, char *problem, size_t size);

/* Writes the path of the directory to `file`, for a script; NULL: nowhere. */
bool results_tell(const struct results *, const char *file, char *problem, size_t size);

/* Removes the directory of a run that measured nothing. */
void results_remove(const struct results *);

#endif
