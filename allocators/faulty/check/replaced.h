/* The process's own malloc in the cell, as a library that is preloaded has it: these functions
 * replace the C library's by name, over its second names. For planted bugs that only such a program
 * shows. A bug defines what is called before and after each call. */
#ifndef SPANBENCH_REPLACED_H
#define SPANBENCH_REPLACED_H

#include "family.h"

void enter(void);
void leave(void);

/* NOLINTBEGIN(bugprone-reserved-identifier): the C library's */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);
/* NOLINTEND(bugprone-reserved-identifier) */

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): theirs have reserved names */
void *malloc(size_t size) {
    enter();
    void *block = __libc_malloc(size);
    leave();
    return block;
}

void *calloc(size_t count, size_t size) {
    enter();
    void *block = __libc_calloc(count, size);
    leave();
    return block;
}

void *realloc(void *old, size_t size) {
    enter();
    void *block = __libc_realloc(old, size);
    leave();
    return block;
}

void free(void *block) {
    enter();
    __libc_free(block);
    leave();
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

#endif
