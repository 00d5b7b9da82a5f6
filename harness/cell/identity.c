#include "identity.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOT(name)                                                                                 \
    { #name, offsetof(struct allocator, name) }

/* The mandatory slots come first: they decide the owner. */
enum { MANDATORY = 2 };
static const struct {
    const char *name;
    size_t offset;
} slots[] = {
    SLOT(malloc),
    SLOT(free),
    SLOT(calloc),
    SLOT(realloc),
    SLOT(reallocarray),
    SLOT(aligned_alloc),
    SLOT(posix_memalign),
    SLOT(memalign),
    SLOT(usable_size),
    SLOT(free_sized),
    SLOT(free_aligned_sized),
    SLOT(purge),
    SLOT(stats),
    SLOT(version),
};

_Static_assert(sizeof slots / sizeof *slots == IDENTITY_SLOTS, "every slot has a place");

/* The object that a function was loaded from. */
struct owner {
    const void *base; /* compares equal for one object; NULL: none that the dynamic linker knows */
    const char *path; /* the dynamic linker's own string */
};

static struct owner owner_of(const void *function) {
    Dl_info info;
    if (!dladdr(function, &info) || !info.dli_fname)
        return (struct owner){NULL, "an unknown object"};
    return (struct owner){info.dli_fbase, info.dli_fname};
}

/* With symbolic links resolved where that is possible. */
static void copy_path(char *to, const char *path) {
    if (!realpath(path, to))
        snprintf(to, PATH_MAX, "%s", path);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

#define PROBLEM(id, ...)                                                                           \
    do {                                                                                           \
        if (!*(id)->problem)                                                                       \
            snprintf((id)->problem, sizeof(id)->problem, __VA_ARGS__);                             \
    } while (0)

/* Does the owner of malloc agree with what the adapter names and with what the driver expects? */
static void check_owner(const struct allocator *claimed, const char *expected, struct owner has,
                        struct owner cell, struct owner libc, struct identity *id) {
    if (expected) {
        if (!same_file(has.path, expected))
            PROBLEM(id,
                    "malloc belongs to %s, expected %s: it was not loaded, or defines no malloc",
                    has.path, expected);
    } else if (!claimed->object) {
        if (has.base != libc.base)
            PROBLEM(id, "malloc belongs to %s, expected the C library: is LD_PRELOAD set?",
                    has.path);
    } else if (!*claimed->object) {
        if (has.base != cell.base)
            PROBLEM(id, "malloc belongs to %s, expected the cell itself", has.path);
    } else if (strncmp(base_name(has.path), claimed->object, strlen(claimed->object)) != 0) {
        PROBLEM(id, "malloc belongs to %s, expected %s", has.path, claimed->object);
    }
    if (has.base == cell.base && !(claimed->flags & (ALLOCATOR_FLOOR | ALLOCATOR_PLANTED)))
        PROBLEM(id,
                "malloc is in the cell itself, %s; an allocator must come from an object file of "
                "its own",
                has.path);
}

bool identity_bind(const struct allocator *claimed, const char *expected, struct allocator *bound,
                   struct identity *id) {
    *bound       = *claimed;
    *id->problem = *id->object = *id->process_malloc = '\0';
    if (claimed->abi != ALLOCATOR_ABI) {
        PROBLEM(id, "the adapter was built for version %u of the contract, this cell has %u",
                claimed->abi, ALLOCATOR_ABI);
        return false;
    }

    static const char here;
    const struct owner cell    = owner_of(&here);
    const struct owner libc    = owner_of((const void *)getpid);
    const struct owner process = owner_of((const void *)malloc);
    const struct owner has     = owner_of((const void *)claimed->malloc);
    copy_path(id->object, has.path);
    copy_path(id->process_malloc, process.path);
    check_owner(claimed, expected, has, cell, libc, id);
    if (process.base != has.base && process.base != libc.base)
        PROBLEM(id,
                "two allocators in one process: the adapter's malloc belongs to %s, the process's "
                "to %s",
                has.path, process.path);

    for (size_t i = 0; i < IDENTITY_SLOTS; i++) {
        struct identity_slot *slot = &id->slot[i];
        const void *function;
        memcpy(&function, (const char *)claimed + slots[i].offset, sizeof function);
        *slot = (struct identity_slot){.name = slots[i].name};
        if (!function && i < MANDATORY)
            PROBLEM(id, "the adapter has no %s", slot->name);
        if (!function)
            continue;
        const bool misread       = expected && slots[i].offset == offsetof(struct allocator, stats);
        const struct owner owner = owner_of(function);
        const bool wrapper       = claimed->object && i >= MANDATORY && owner.base == cell.base;
        slot->object             = owner.path;
        slot->supported          = owner.base && (owner.base == has.base || wrapper) && !misread;
        if (slot->supported)
            continue;
        if (claimed->object || i < MANDATORY)
            PROBLEM(id, "%s belongs to %s, but malloc to %s", slot->name, slot->object, has.path);
        memset((char *)bound + slots[i].offset, 0, sizeof function);
    }
    return !*id->problem;
}
