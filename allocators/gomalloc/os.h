/* What gomalloc asks of the operating system: memory, time, and the last words. A leaf. All
 * functions leave errno alone and may be called from any thread. */
#ifndef GOMALLOC_OS_H
#define GOMALLOC_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Addresses are numbers where they are computed with, and pointers where memory is touched. */
static inline void *os_pointer(uintptr_t address) {
    return (void *)address; // NOLINT(performance-no-int-to-ptr): this is the one place
}

/* Zeroed, readable and writable memory at an address of the kernel's choice; NULL: none. Resident
 * only once it is touched. */
void *os_map(size_t bytes);

/* The same, aligned to a power of two above the page size. */
void *os_map_aligned(size_t bytes, size_t alignment);

/* The same, exactly at `address`; false: something is there, or there is no memory. */
bool os_map_at(uintptr_t address, size_t bytes);

/* As os_map_aligned, but the kernel takes the memory into account and refuses what it holds for too
 * much. Of no more address space than this, if it can be. */
void *os_map_promised(size_t bytes, size_t alignment);

/* Makes what os_map_promised gave longer, where it is. OS_NO_ROOM: something is behind it, or there
 * is no memory; it may be moved. OS_SPLIT: it cannot be moved either. The program has made several
 * mappings of it, by madvise(2) for a part, for example. */
enum os_growth { OS_GROWN, OS_NO_ROOM, OS_SPLIT };
enum os_growth os_grow(void *memory, size_t had, size_t bytes);

/* Is this memory, which is mapped, part of one mapping? Else it cannot be moved as a whole. */
bool os_is_one_mapping(void *memory, size_t bytes);

/* The same to the beginning of another such mapping, whose first `bytes` make room for it; what was
 * there is gone. False: not moved, and of these bytes nobody knows whether they are still mapped.
 */
bool os_move(void *memory, size_t had, void *to, size_t bytes);

void os_unmap(void *memory, size_t bytes);

/* Gives the pages back; they stay mapped and read as zero. False: not done, as for parts of the
 * kernel's pages: madvise(2) would round the length up, into what the caller did not name. */
bool os_release(void *memory, size_t bytes);

/* Nobody may touch the pages, or everybody again. False: not done, as above. */
bool os_protect(void *memory, size_t bytes, bool usable);

/* The pages will be the kernel's smallest, whatever it does for programs by itself. */
void os_no_huge_pages(void *memory, size_t bytes);

uint64_t os_now_ns(void);

/* The same, some milliseconds old, for a few instructions. */
uint64_t os_about_now_ns(void);

/* Lets other threads run for some 50 us, also those of lower priority. Not a cancellation point. */
void os_rest(void);

/* Bytes of a page of the kernel's: a power of two, 4 KiB to 64 KiB on today's systems. */
size_t os_page_bytes(void);

/* Bits that differ from process to process, and for each `use` in one; the same when asked again.
 * From what the kernel gives every program (AT_RANDOM), without a system call. The C library's
 * secrets are made of that, too, and cannot be read off these. 0: the kernel gave nothing. */
enum os_random_use { RANDOM_BASE = 1, RANDOM_SEALS };
uint64_t os_random(enum os_random_use);

/* Does the process have its addresses at random? Not under `setarch -R`, nor in a debugger. */
bool os_is_randomised(void);

/* Text to standard error, in one write, without stdio. */
void os_say(const char *text);

/* Says "gomalloc: <what>: 0x<address>" and aborts. */
_Noreturn void os_die(const char *what, const void *address);

/* Tests set it: so many more mappings and pieces of persistent_alloc there are, then none, until it
 * is set to OS_NO_LIMIT again. */
#define OS_NO_LIMIT INT64_MAX
extern _Atomic int64_t os_maps_left;

/* Counts one down; false: there are none left. */
bool os_may_map(void);

#endif
