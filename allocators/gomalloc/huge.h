/* Huge blocks: from 64 MiB on, a span is a mapping of its own, outside of the page heap. It comes
 * and goes as a whole, so that no bitmap or summary grows with it, and nothing of it stays behind.
 *
 * It begins where an arena begins, and is at least as long. So no other block lies in that arena.
 * The arena's map knows the span by its first page, and is given back with it. The kernel is asked
 * for it with a promise. What it takes for more than memory and swap it refuses at once, as the
 * system's setting (vm.overcommit_memory) has it. A leaf above arena. */
#ifndef GOMALLOC_HUGE_H
#define GOMALLOC_HUGE_H

#include "arena.h"
#include "os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HUGE_PAGES = ARENA_PAGES };

static inline bool is_huge(size_t pages) {
    return pages >= HUGE_PAGES;
}

/* n, rounded up to whole pages of the kernel's. */
size_t huge_whole(size_t n);

/* Pages that a huge block of n has: the same, and HUGE_PAGES at least. */
size_t huge_round(size_t n);

/* n pages, rounded, aligned to an arena or more if that many are huge; 0: no memory. Thread-safe,
 * as are the others. The arena of the first page need not exist. */
uintptr_t huge_map(size_t n, size_t alignment);

/* Would it give n pages? What is above memory is refused. */
bool huge_is_granted(size_t n);

void huge_unmap(uintptr_t base, size_t n);

/* Makes a block of `had` pages n pages long where it is; false: it stays as it is. Both rounded.
 * What os_grow says. */
enum os_growth huge_resize(uintptr_t base, size_t had, size_t n);

/* The pages from `used` on to the end give their memory back and are zero. */
void huge_release(uintptr_t base, size_t used, size_t n);

/* Moves the memory, not its bytes, to a block from huge_map of at least n pages, n > had. Of that
 * the first n remain as one mapping, what lies behind stays; of the old one nothing. False: the old
 * one is as it was, and the new one is lost: part of it may be somebody else's by now. */
bool huge_move(uintptr_t base, size_t had, uintptr_t to, size_t n);

#endif
