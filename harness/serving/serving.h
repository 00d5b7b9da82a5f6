/* Which object serves malloc in a running process, seen from outside: nothing is loaded into the
 * process, and it is not stopped.
 *
 * The dynamic linker binds a call of malloc to the first object of its search order that defines
 * it. That order is in the process, as a list that debuggers read (<link.h>, struct r_debug). This
 * reads the list through /proc/PID/mem and looks malloc up as ld.so does. Where the memory may not
 * be read, it follows the same order through the files that are mapped. In a static program the
 * names of symbols tell whose malloc it is, or, if they were stripped, the texts of its messages.
 *
 * Reads of odd or hostile processes are bounded. Thread-safe but for the cache of versions. */
#ifndef SPANBENCH_SERVING_H
#define SPANBENCH_SERVING_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum serving_state {
    SERVING_KNOWN,    /* `object` serves */
    SERVING_UNKNOWN,  /* it cannot be said; `why` says why */
    SERVING_STARTING, /* the dynamic linker is still at work: ask again */
    SERVING_GONE, /* there is no such process, none of its threads lives, or it is the kernel's */
};

enum serving_how {
    SERVING_NOT,     /* not known */
    SERVING_BOUND,   /* the first definition in the process's own search order */
    SERVING_MAPPED,  /* the same by the mapped files: the memory could not be read */
    SERVING_SYMBOLS, /* names of symbols in a static program */
    SERVING_TEXTS,   /* messages in a static program without symbols */
};

/* What else a person must know of a process. */
enum serving_kind {
    SERVING_PRELOAD, /* a library that was asked for does not serve; always a finding */
    SERVING_INNER,   /* an allocator inside of the program that LD_PRELOAD does not reach */
    SERVING_SECOND,  /* another object defines malloc, or one is bound to another */
    SERVING_OPTION,  /* an option that is set, but is not read by who serves */
    SERVING_LIMITED, /* something could not be looked at, or is not what its name says */
};

struct serving_note {
    enum serving_kind kind;
    char text[320];
};

enum { SERVING_NOTES = 12, SERVING_OPTIONS = 16 };

struct serving {
    pid_t pid, parent;
    uint64_t started;       /* ticks since the boot: tells a process from a later one of its pid */
    char command[64];       /* as ps calls it */
    char program[PATH_MAX]; /* the executable; "" if it may not be read */
    enum serving_state state;
    enum serving_how how;
    char object[PATH_MAX]; /* the file that serves, as the process sees it */
    dev_t device;          /* and which file that is, by /proc/PID/maps */
    ino_t inode;
    char name[32];    /* of the allocator: "jemalloc", "glibc"; else as the object is called */
    char version[64]; /* "" if it is not known */
    char why[320];
    bool checked;  /* a call in the process is bound to it, which was seen in its memory */
    bool fixed;    /* a static program: no dynamic linker, and nothing can be preloaded */
    bool secure;   /* it runs with privileges of its file: ld.so ignores LD_PRELOAD's paths */
    bool kernel;   /* it is a thread of the kernel's */
    char libc[16]; /* "glibc", "musl", or "" */

    char preload[1024];                /* LD_PRELOAD in its environment */
    char option[SERVING_OPTIONS][256]; /* NAME=value of those of who serves, in its environment */
    size_t options;
    struct serving_note note[SERVING_NOTES];
    size_t notes;
};

struct serving_question {
    /* The list that LD_PRELOAD should be, whatever the process's environment says now. NULL: what
     * its environment says. */
    const char *asked;
    /* One of that list must serve. Else a list without an allocator is not a finding. */
    bool must;
    /* Leave out what reads more than a few pages: the version, and whether calls are bound so. */
    bool brief;
    /* It ends now: that its dynamic linker is still at work is an answer. */
    bool last;
    /* One of its threads, which is stopped and has its memory; 0: any that has it. */
    pid_t thread;
};

/* Looks at a process. The answer's `state` says whether it is known. */
void serving_find(pid_t, const struct serving_question *, struct serving *);

/* Is something not as it was asked for? Then this is the first such note, else NULL. */
const char *serving_finding(const struct serving *);

/* Is this the file that serves? `path` is one of this process's own. */
bool serving_is(const struct serving *, const char *path);

/* Does the allocator have this name? One of an allocator ("jemalloc"), of its file, or a path;
 * "system" is the C library's own. */
bool serving_is_named(const struct serving *, const char *name);

#endif
