/* The checks of the hardened build (-DGOMALLOC_HARDENED): each small slot has a bit that says
 * whether the program has it. A free of anything else than a block that the program has ends the
 * process with the address and the reason. So does a list of free objects that somebody wrote into.
 * In the normal build all this is empty. Thread-safe. */
#ifndef GOMALLOC_HARDENED_H
#define GOMALLOC_HARDENED_H

#include "mspan.h"

#ifdef GOMALLOC_HARDENED

/* Once, before the first span. */
void hardened_begin(void);

/* The program gets a small object of the class. */
void hardened_allocated(void *object, unsigned spanclass);

/* The program says that it has the block; returns its span. `verb`: what it wants with it. */
struct mspan *hardened_check(const void *block, const char *verb);

/* The program gives the small block of a span back. */
void hardened_freed(struct mspan *, const void *block);

/* The program does not have the small object. */
bool hardened_is_free(struct mspan *, const void *object);

/* The next object on a list of the class, or NULL. */
void *hardened_next(const void *object, unsigned spanclass);

enum { HARDENED = 1 };
#else
static inline void hardened_begin(void) {
}

static inline void hardened_allocated(void *object, unsigned spanclass) {
    (void)object;
    (void)spanclass;
}

static inline void hardened_freed(struct mspan *s, const void *block) {
    (void)s;
    (void)block;
}

static inline bool hardened_is_free(struct mspan *s, const void *object) {
    (void)s;
    (void)object;
    return true;
}

enum { HARDENED = 0 };
#endif

#endif
