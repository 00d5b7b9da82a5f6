/* The last words of the hardened build: what was done, and to what block. */
#ifndef GOMALLOC_REPROACH_H
#define GOMALLOC_REPROACH_H

#include <stddef.h>
#include <stdint.h>

/* `verb` was called with the address of something that is not a block, or with a damaged one. */
_Noreturn void reproach_address(uintptr_t address, const char *verb);

/* `verb` is for blocks of another kind. */
_Noreturn void reproach_kind(uintptr_t block, const char *verb, unsigned kind);

/* `verb` was told another size. */
_Noreturn void reproach_size(uintptr_t block, const char *verb, size_t said);

/* Somebody wrote the byte at `stain` after the free of the slot or large block. */
_Noreturn void reproach_write(const void *freed, uintptr_t stain);

/* The seal of a free slot is damaged. */
_Noreturn void reproach_seal(const void *slot);

#endif
