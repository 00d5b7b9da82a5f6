#include "identity.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOT(name, usual)                                                                          \
    { #name, offsetof(struct allocator, name), (const void *)(usual) }

/* The mandatory slots come first: they decide the owner. */
enum { MANDATORY = 2 };
static const struct {
    const char *name;
    size_t offset;
    const void *usual; /* the same function as a program calls it by name; NULL: there is none */
} slots[] = {
    SLOT(malloc, NULL),
    SLOT(free, NULL),
    SLOT(calloc, calloc),
    SLOT(realloc, realloc),
    SLOT(reallocarray, reallocarray),
    SLOT(aligned_alloc, aligned_alloc),
    SLOT(posix_memalign, posix_memalign),
    SLOT(memalign, memalign),
    SLOT(usable_size, malloc_usable_size),
    SLOT(free_sized, NULL),
    SLOT(free_aligned_sized, NULL),
    SLOT(purge, NULL),
    SLOT(stats, NULL),
    SLOT(dump, NULL),
    SLOT(version, NULL),
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
            PROBLEM(id,
                    "malloc belongs to %s, expected the C library: is LD_PRELOAD set, or has the "
                    "adapter in allocators/ no .object?",
                    has.path);
    } else if (!*claimed->object) {
        if (has.base != cell.base)
            PROBLEM(id, "malloc belongs to %s, expected the cell itself", has.path);
    } else if (strncmp(base_name(has.path), claimed->object, strlen(claimed->object)) != 0) {
        PROBLEM(id, "malloc belongs to %s, expected %s, the .object in allocators/%s.c", has.path,
                claimed->object, program_invocation_short_name);
    }
    if (has.base == cell.base && !(claimed->flags & (ALLOCATOR_FLOOR | ALLOCATOR_PLANTED)))
        PROBLEM(id,
                "malloc is in the cell itself, %s; an allocator must come from an object file of "
                "its own",
                has.path);
}

/* 1: the cell is built with ThreadSanitizer, whose malloc is the process's (make check-tsan). */
#ifndef CELL_SANITIZED
#define CELL_SANITIZED 0
#endif

/* Is the process's malloc, of this owner, that of a library which is preloaded for the allocator?
 */
static bool is_proxy(const struct allocator *a, struct owner process) {
    return CELL_SANITIZED || (a->preload && strcmp(base_name(process.path), a->preload) == 0);
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
    if (process.base != has.base && process.base != libc.base && !is_proxy(claimed, process))
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

/* Those that the C library may not have. Not by dlsym, which asks malloc for the text of its
 * failure: a cell allocates nothing of its own. Named in code, not in a table: the linker takes a
 * weak name in a table for one that nobody will ever have. */
extern void free_sized_here(void *, size_t) __asm__("free_sized") __attribute__((weak));
extern void free_aligned_sized_here(void *, size_t, size_t) __asm__("free_aligned_sized")
    __attribute__((weak));

/* The same function as the slot's, as a program calls it by name; NULL: there is none. */
static const void *usual(size_t slot) {
    if (slots[slot].offset == offsetof(struct allocator, free_sized))
        return (const void *)free_sized_here;
    if (slots[slot].offset == offsetof(struct allocator, free_aligned_sized))
        return (const void *)free_aligned_sized_here;
    return slots[slot].usual;
}

void identity_complete(struct allocator *bound) {
    const struct owner process = owner_of((const void *)malloc);
    if (process.base != owner_of((const void *)bound->malloc).base && !is_proxy(bound, process))
        return;
    for (size_t i = 0; i < IDENTITY_SLOTS; i++) {
        const void *function;
        char *slot = (char *)bound + slots[i].offset;
        memcpy(&function, slot, sizeof function);
        if (function || !usual(i))
            continue;
        function               = usual(i);
        const bool over_others = slots[i].offset == offsetof(struct allocator, reallocarray);
        if (over_others || owner_of(function).base == process.base)
            memcpy(slot, &function, sizeof function);
    }
}
