/* Which object file serves each function of the vtable: the proof that a row measures the allocator
 * whose name it bears. Allocates nothing. */
#ifndef SPANBENCH_IDENTITY_H
#define SPANBENCH_IDENTITY_H

#include "allocator.h"

#include <limits.h>
#include <stdbool.h>

enum { IDENTITY_SLOTS = 15 };

struct identity {
    char object[PATH_MAX];         /* the file that owns malloc, symbolic links resolved */
    char process_malloc[PATH_MAX]; /* the file that owns the process's own `malloc` */
    struct identity_slot {
        const char *name;   /* of the slot */
        const char *object; /* path of its function's owner; NULL where the slot is NULL */
        bool supported;     /* false: NULL, or another object's (see identity_bind) */
    } slot[IDENTITY_SLOTS];
    char problem[2 * PATH_MAX + 256]; /* why the identity is not proven; "" = it is */
};

/* Looks up the owner of every function of `claimed` and fills `id`. Copies the vtable to `bound`,
 * without the slots that the allocator does not serve.
 *
 * The rules, each with the way it fails:
 *   - the contract's version is this one's;
 *   - malloc belongs to the object that the adapter names. If it names none, malloc belongs to the
 *     file `expected`, or, without that, to the C library (a preload that did not take effect, or
 *     one that nobody asked for);
 *   - malloc is not in the cell itself, but for the floor and for planted bugs (an allocator that
 *     was compiled into the cell has no object file to prove);
 *   - free belongs to the same object as malloc (a library that replaces half of the family);
 *   - every other slot's function belongs to that object too, or is a wrapper in the cell. For an
 *     adapter that names no object, such a slot counts as unsupported; else it is an error;
 *   - with `expected`, for a preloaded library, `stats` counts as unsupported, whoever owns it. Its
 *     shape is the C library's promise and no other's (scudo's mallinfo2 would be misread);
 *   - the process's `malloc` is the allocator's own, or of the library that its users preload, or
 *     the C library's (two allocators at once).
 *
 * Returns whether the identity is proven. */
bool identity_bind(const struct allocator *claimed, const char *expected, struct allocator *bound,
                   struct identity *id);

/* Gives `bound`, for conformance, what its adapter leaves out and programs call all the same. Such
 * a function is of the object that owns the process's malloc, and has its usual name there. That
 * object must be the allocator's, or what its users preload. reallocarray may be the C library's,
 * which calls realloc. */
void identity_complete(struct allocator *bound);

#endif
