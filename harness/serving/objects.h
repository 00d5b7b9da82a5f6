/* The objects of a process in the order in which its dynamic linker searches them: the program,
 * what is preloaded, the libraries breadth first, and then what dlopen added. */
#ifndef SPANBENCH_OBJECTS_H
#define SPANBENCH_OBJECTS_H

#include "elf_image.h"
#include "process.h"

enum { OBJECTS_MOST = 4096 };

struct object {
    char *name;                     /* as the dynamic linker calls it; "" is the program */
    const struct process_map *file; /* that it was mapped from; NULL: none */
    struct elf_image image;
    int fd; /* of the image, to be closed; -1: it is shared */
};

struct objects {
    struct object *object;
    size_t count;
    bool starting; /* the dynamic linker was at work */
};

/* Through the memory of the process, `mem`; `program` is the image of its file. Reads the mapped
 * files once more if an object was mapped since. False: the list was not found, has no end within
 * OBJECTS_MOST, or is being changed (`starting`). */
bool objects_linked(struct process *, const struct elf_image *program, int mem, struct objects *);

/* Through the mapped files alone, by DT_NEEDED and LD_PRELOAD. */
bool objects_mapped(const struct process *, struct objects *);

void objects_free(struct objects *);

/* Its file as the process sees it; else what the dynamic linker calls it. */
const char *object_path(const struct object *);

bool object_defines_malloc(const struct object *, struct elf_symbol *);

#endif
