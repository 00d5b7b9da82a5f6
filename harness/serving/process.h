/* What /proc says of one process, or of one of its threads. Of a process in another container,
 * paths are as it sees them. */
#ifndef SPANBENCH_PROCESS_H
#define SPANBENCH_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One line of /proc/PID/maps that has a file. */
struct process_map {
    uint64_t start, end, offset;
    dev_t device;
    ino_t inode;
    char *path; /* ends with " (deleted)" if it is */
};

struct process {
    pid_t pid, parent;
    uint64_t started;       /* in ticks since the boot */
    char state;             /* a letter, see proc(5) */
    bool kernel;            /* it is a thread of the kernel's */
    char command[64];       /* "" for none */
    char program[PATH_MAX]; /* "" if it may not be read */
    struct process_map *map;
    size_t maps;
    bool maps_read;
    char *environment; /* NAME=value, each with a final zero, and one more zero; NULL: unreadable */
    size_t environment_size;
    uint64_t base, headers; /* AT_BASE, AT_PHDR of its auxiliary vector */
    uint64_t header_count;  /* AT_PHNUM */
    bool secure;            /* AT_SECURE */
    bool auxiliary_read;
};

/* Reads pid, parent, start, state, command and `kernel` only. False: there is no such process. */
bool process_look(pid_t, struct process *);

/* The same from the text of /proc/PID/stat, but for the pid. */
bool process_parse(const char *stat, struct process *);

/* Reads the rest; `wide`: it has words of 64 bits. What may not be read stays empty. */
void process_read(struct process *, bool wide);

/* Of that, the mapped files once more. Pointers to mappings are no longer good. */
void process_read_maps(struct process *);

void process_free(struct process *);

/* Opens a file of /proc/PID; negative: errno says why not. */
int process_open(pid_t, const char *file, int flags);

/* The value of a variable in the environment that the program was started with; NULL: not set. */
const char *process_variable(const struct process *, const char *name);

/* The mapping of a file that has this address; NULL: none. */
const struct process_map *process_map_at(const struct process *, uint64_t address);

/* Opens the file of a mapping for reading, also if it is deleted or in another container. */
int process_open_map(const struct process *, const struct process_map *);

/* Opens a file by the path that the process would use. */
int process_open_path(pid_t, const char *file);

/* The last part of a path. */
const char *process_base_name(const char *path);

#endif
