/* The contract between a misuse and the cell that runs it (harness/cell/hardening.c).
 *
 * A misuse is a function behind MISUSE(...) in a file of workloads/misuses/, found as checks are
 * (section.h); it is called noun.kind. It does one thing that no standard allows, once, in a heap
 * that is in use, and then goes on as an honest program would. What an allocator makes of it is not
 * right or wrong: undefined behaviour is undefined. It is told how it went:
 *
 *   - Each step is announced before it is taken, straight to a file descriptor, so that when the
 *     process ends, somebody outside of it knows where. That somebody names the outcome.
 *   - If the process goes on, it looks for damage that it can prove. That is a live block that
 * changed, or that overlaps another or memory of the program's own. It is also an address that is
 * not mapped, or data that should be gone. The first proof ends the run. The books are static: not
 * in the heap.
 *   - The control is the same sequence without the misusing step. It must end well; an allocator
 *     that dies without being misused scores nothing.
 *
 * A run is a process; it stands in one struct misuse_run. */
#ifndef SPANBENCH_MISUSE_H
#define SPANBENCH_MISUSE_H

#include "allocator.h"
#include "contents.h"
#include "section.h"
#include "slots.h"

#include <stdbool.h>

enum misuse_size { MISUSE_TINY, MISUSE_SMALL, MISUSE_LARGE, MISUSE_SIZES };

enum misuse_step {
    MISUSE_SETUP,  /* a legal program so far */
    MISUSE_ACCESS, /* the misuse is a load or store, this one */
    MISUSE_CALL,   /* the misuse is a call of the allocator, this one */
    MISUSE_FREE,   /* a legal free of the very block that was misused */
    MISUSE_LATER,  /* any legal call after that */
    MISUSE_STEPS
};

enum { MISUSE_MOST_LIVE = 20000 };

struct misuse_live {
    unsigned char *at;
    size_t size;
    uint64_t key;      /* of its contents: contents_fill */
    const char *owner; /* NULL: a block; else memory of the program's own, and what it is */
    void (*release)(void *block); /* what frees it; NULL: the allocator's free */
};

struct misuse_run {
    const struct allocator *a;
    uint64_t seed, state;
    enum misuse_size class;
    size_t size;       /* of the blocks: from the seed, and then what usable_size says of such a
                          block, so that it has no slack that anybody knows of */
    size_t blocks;     /* how many of them the heap holds */
    size_t other_size; /* blocks of this size are looked at in the audit, too; 0: none */
    bool control;      /* leave the misusing step out */
    bool misused;      /* the misusing step was announced, and taken */
    char note[200];    /* of a run that survived: what a reader should know */
    void (*tell)(enum misuse_step, const char *what);
    void (*mark)(void); /* where the misusing step is, among what the process says */
    __attribute__((noreturn)) void (*end)(const char *outcome,
                                          const char *seen); /* of the process */

    struct misuse_live live[MISUSE_MOST_LIVE];
    size_t lives;
};

struct misuse {
    const char *name;
    const char *weakness; /* its number in the Common Weakness Enumeration, cwe.mitre.org */
    const char *summary;
    unsigned needs; /* NEEDS_*, or'ed */
    bool sizeless;  /* no size class changes it: run as `tiny` only */
    void (*run)(struct misuse_run *);
};

/* MISUSE(function, .name = "noun.kind", …) { body }, with `m` the run */
#define MISUSE(function, ...)                                                                      \
    SECTION_PLUGIN(misuse, "spanbench_misuses", function, struct misuse_run *m, __VA_ARGS__)
SECTION_PLUGINS(misuse, "spanbench_misuses");

extern const char *const misuse_size_name[MISUSE_SIZES];
extern const char *const misuse_step_name[MISUSE_STEPS];

/* Chooses the size and fills the heap with live blocks. */
void misuse_begin(struct misuse_run *);

/* Pseudo-random, below `bound`. */
uint64_t misuse_random(struct misuse_run *, uint64_t bound);

/* Announces the misusing step. False: this is the control, leave it out. */
bool misuse_now(struct misuse_run *, enum misuse_step, const char *what);

/* Announces the next legal steps. */
void misuse_legal(struct misuse_run *, enum misuse_step, const char *what);

/* One of the live blocks. */
void *misuse_block(struct misuse_run *);

/* An address within a block, aligned as blocks are if the block is large enough. */
void *misuse_interior(struct misuse_run *, void *block);

/* An address at which nothing is mapped. */
void *misuse_hole(struct misuse_run *);

/* A new live block: checked against the others, entered in the books, filled. */
void *misuse_make(struct misuse_run *, size_t size);

/* The same for a block that came otherwise; `how` did it come? NULL is not damage, only a lack
 * of memory: the run ends, as survived if it is after the misuse; else it says nothing. */
void misuse_take(struct misuse_run *, void *block, size_t size, const char *how);

/* The same, of a block that `release` frees, and not free. */
void misuse_take_to(struct misuse_run *, void *block, size_t size, const char *how,
                    void (*release)(void *block));

/* Enters memory of the program's own, filled likewise: no allocator has any business there. */
void misuse_own(struct misuse_run *, void *memory, size_t size, const char *what);

/* Strikes a block off the books, and returns what it was. The second also frees it. */
struct misuse_live misuse_forget(struct misuse_run *, const void *block);
void misuse_free(struct misuse_run *, void *block);

/* Allocates until one of the new blocks lies at `old`. If it never comes back, the misuse has no
 * meaning here, and the run ends. */
void misuse_reuse(struct misuse_run *, const void *old);

/* Bytes of a block that the caller may use; as far as is known, its size. */
size_t misuse_usable(const struct misuse_run *, void *block);

/* Changes each byte of [from, from + size): the store of an access step. */
void misuse_scribble(void *from, size_t size);

/* All live memory is as it was, or the run ends here. */
void misuse_look(struct misuse_run *);

/* Goes on as a program would: allocates, frees, allocates, and looks for damage all the while. */
void misuse_audit(struct misuse_run *);

/* Frees the block that was misused, which is legal, and goes on; `what` announces the free. */
void misuse_free_and_audit(struct misuse_run *, void *block, const char *what);

/* Something that is worth knowing and no damage. */
__attribute__((format(printf, 2, 3))) void misuse_note(struct misuse_run *, const char *note, ...);

/* End the run: damage is proven; the misuse has no meaning here, for the reason given. */
_Noreturn __attribute__((format(printf, 2, 3))) void misuse_damage(struct misuse_run *,
                                                                   const char *seen, ...);
_Noreturn __attribute__((format(printf, 2, 3))) void misuse_unsupported(struct misuse_run *,
                                                                        const char *reason, ...);

#endif
