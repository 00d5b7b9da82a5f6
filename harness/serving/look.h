/* What one look at a process goes through; shared by the parts of serving.c. */
#ifndef SPANBENCH_SERVING_LOOK_H
#define SPANBENCH_SERVING_LOOK_H

#include "known.h"
#include "objects.h"
#include "serving.h"

struct look {
    struct process process;
    struct elf_image program; /* of its file */
    int program_fd, mem;
    struct objects objects;
    size_t owner;             /* of the objects, the one that serves */
    struct elf_symbol symbol; /* its malloc */
    const struct known_allocator *known;
    const struct serving_question *question;
};

#endif
