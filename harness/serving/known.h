/* What is known of allocators by name: how to recognise them, their versions and their options; and
 * of the runtimes that have an allocator of their own inside. Data only. */
#ifndef SPANBENCH_KNOWN_H
#define SPANBENCH_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

enum { KNOWN_NAMES = 10, KNOWN_MOST = 64 }; /* names in a list with its NULL; allocators */

/* How the version stands in the file. */
struct known_version {
    const char *function; /* a function that returns it, and does nothing else */
    const char *before;   /* a text in front of it, which may hold zero bytes */
    size_t before_length;
    size_t overlap;    /* so many bytes at the end of `before` belong to it */
    size_t reach;      /* bytes behind `before` in which it begins */
    unsigned dots;     /* it has at least so many */
    const char *after; /* a text behind it, of an ending that begins with a dash */
    const char *path;  /* a text in front of it in the path of the file */
};

struct known_allocator {
    const char *name;
    const char *object[KNOWN_NAMES]; /* globs of base names of its shared objects */
    const char *symbol[KNOWN_NAMES]; /* any of these names shows it in an object or a program */
    const char *like; /* it defines what this one does: in an object, the names tell them apart */
    const char *fixed[KNOWN_NAMES];    /* in a static program, these instead: with its malloc */
    const char *inner[KNOWN_NAMES];    /* likewise, beside another malloc: a program's own copy */
    const char *section;               /* a section that shows it in a file */
    const char *text[KNOWN_NAMES];     /* any of these messages shows it in a stripped program */
    const char *variable[KNOWN_NAMES]; /* globs of environment variables with its options */
    struct known_version version;
    const char *remark; /* what a person must know of it; NULL: nothing */
};

struct known_runtime {
    const char *name;
    const char *object[KNOWN_NAMES];  /* globs of base names of objects that it comes in */
    const char *program[KNOWN_NAMES]; /* globs of the program's base name */
    const char *symbol[KNOWN_NAMES];  /* dynamic symbols of an object or of the program */
    const char *remark;
    const char *variable; /* the environment variable that turns its allocator off; NULL: none */
    const char *off[4];   /* with one of these values */
};

extern const struct known_allocator known_allocators[];
extern const size_t known_allocator_count;
extern const struct known_runtime known_runtimes[];
extern const size_t known_runtime_count;

/* Does one of the globs, which a NULL ends, match? */
bool known_matches(const char *const *globs, const char *name);

/* The allocator whose objects are called so; NULL: none is known. */
const struct known_allocator *known_by_object(const char *base_name);
const struct known_allocator *known_by_name(const char *name);

#endif
