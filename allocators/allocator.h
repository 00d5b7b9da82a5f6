/* The contract between spanbench and an allocator: one const vtable per adapter.
 *
 * An adapter is one file `allocators/<name>.c` that defines `const struct allocator allocator`.
 * The build links it with the cell (harness/cell/) into `build/cell/<name>`; that executable is the
 * registration, no list exists. system.c is the template for a new adapter.
 *
 * Comment keys in an adapter's first comment, which scripts/adapter-keys reads for the Makefile,
 * scripts/deps.sh and the tests. A line begins with a key and its colon. The values of the first
 * four end with their line, those of the others with an empty line or the next key:
 *   library:  what to link with: a library name that the compiler finds (libfoo.so), or a path
 *             with a slash in it, absolute or from the root of the project (../foo/libfoo.so),
 *             in which * and @ARCH@ (uname -m) are expanded. Absent file: the adapter is skipped.
 *   package:  the Debian packages that provide it; scripts/deps.sh installs them.
 *   cflags:   extra compiler options, for instance -I/opt/foo/include.
 *   built-from:
 *             a folder in allocators/ and compiler options, in place of a library: the build makes
 *             lib<name>.so, and .a, of it, and links the adapter with the former. Two adapters may
 *             name one folder. The folder includes its own headers only, the adapter may include
 *             <folder>.h; exported is what has the default visibility. interpose.c in it, which
 *             replaces malloc in the process, goes into the .so only; test_*.c are its tests.
 *   catches:  misuses of the hardening matrix that it claims to catch in each run, as
 *             NOUN.KIND or NOUN.KIND/SIZE; harness/test/test_harden.py demands it.
 *   caught-by: of a planted bug in allocators/faulty/: what rejects it, `check` and the names of
 *             checks with their assertions (harness/test/test_check_bugs.py), or what an error of
 *             the benchmark says (harness/test/test_bench_failures.py).
 *   exposed-by: of a slow or fat allocator in allocators/faulty/: the workload that shows it most.
 * In faulty/bench/ also what to count, and what it is compared with if not `base`
 *             (harness/test/test_exposed.py, test_memory_families.py).
 *   harden:   of a planted bug: its outcomes in the matrix, as NOUN.KIND/SIZE=OUTCOME
 *             (harness/test/test_harden.py).
 *
 * Rules
 *   - A slot holds the library's own function wherever the signatures agree. A wrapper is for a
 *     function of another shape only: it never emulates what the library lacks, it ignores no
 *     argument, and it adds no work to malloc or free.
 *   - A NULL slot says "not supported" and is shown as such.
 *   - Every function that is not a wrapper belongs to the object named in `object`. The cell proves
 *     it before the first operation (harness/cell/identity.h); a mismatch is an error, not a row.
 *
 * Thread-safety: every slot may be called from any thread at any time, as malloc(3) may. */
#ifndef SPANBENCH_ALLOCATOR_H
#define SPANBENCH_ALLOCATOR_H

#include <malloc.h>
#include <stddef.h>

/* Raised when a slot is added or changes its meaning; a cell refuses another value. */
enum { ALLOCATOR_ABI = 2 };

enum {
    /* Live blocks overlap: this measures the harness, not an allocator. Exempt from checks of
     * contents, marked in every output, never ranked. */
    ALLOCATOR_FLOOR = 1u << 0,

    /* A planted bug of allocators/faulty/, which the suite must reject: no allocator of anybody's,
     * never a row. */
    ALLOCATOR_PLANTED = 1u << 1,
};

/* struct allocator.object where malloc is in the cell itself: with ALLOCATOR_FLOOR and
 * ALLOCATOR_PLANTED only. A real allocator comes as an object file of its own, as its users get it.
 * So the compiler sees no further into it than into its rivals, and the cell can prove whose it is.
 */
#define ALLOCATOR_IN_CELL ""

struct allocator {
    unsigned abi;   /* ALLOCATOR_ABI. Required. */
    unsigned flags; /* ALLOCATOR_*. */

    /* How the base name of the object that owns malloc begins, for instance "libfoo.so".
     * ALLOCATOR_IN_CELL: it is in the cell. NULL: it is the C library's, or the library that the
     * driver preloaded. Slots that this library leaves to another object count as unsupported. So
     * does `stats`, for only an adapter knows what a library means by its numbers. */
    const char *object;

    /* Where another library replaces malloc in a program: the name of its file, which lies beside
     * `object`, for instance "libfoo_proxy.so.2". It is what is preloaded into programs. NULL:
     * `object` itself does. */
    const char *preload;

    /* The library's version, a string that outlives the call. Called once, by --describe. */
    const char *(*version)(void);

    /* C17 7.22.3.4 and 7.22.3.3. Required. */
    void *(*malloc)(size_t size);
    void (*free)(void *block);

    /* C17 7.22.3.2 and 7.22.3.5; reallocarray: POSIX.1-2024. */
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *block, size_t size);
    void *(*reallocarray)(void *block, size_t count, size_t size);

    /* aligned_alloc: C17 7.22.3.1; posix_memalign: POSIX.1-2017; memalign: memalign(3). */
    void *(*aligned_alloc)(size_t alignment, size_t size);
    int (*posix_memalign)(void **block, size_t alignment, size_t size);
    void *(*memalign)(size_t alignment, size_t size);

    /* malloc_usable_size(3): bytes of the block that the caller may use; 0 for NULL. */
    size_t (*usable_size)(void *block);

    /* C23 7.24.3.4 and 7.24.3.5. `size` and `alignment` are those of the request, unchanged.
     * free_sized: blocks of malloc, calloc, realloc; free_aligned_sized: of aligned_alloc. */
    void (*free_sized)(void *block, size_t size);
    void (*free_aligned_sized)(void *block, size_t alignment, size_t size);

    /* Gives cached memory back to the operating system; the shape of malloc_trim(3). Called
     * outside of any timed region, first by every thread that allocated (for caches of threads),
     * then once more by one of them. `pad`: bytes that may be kept; the cell passes 0. The result
     * is not used: what came back is measured from outside. */
    int (*purge)(size_t pad);

    /* The allocator's own account; the shape of mallinfo2(3), whose hblkhd is what mmap serves
     * alone. The cell reads uordblks + hblkhd as the bytes in live blocks, with what rounding adds
     * to them, and arena + hblkhd as those held from the operating system. A library that fills the
     * structure by other rules (scudo) gets a wrapper; one that keeps no such account, NULL. */
    struct mallinfo2 (*stats)(void);

    /* Writes what the heap is made of to a file descriptor, for a picture (scripts/heap.py), a line
     * each, in any order; sizes are bytes, addresses hexadecimal:
     *     arena ADDRESS BYTES                          a part of the address space, of one map
     *     span ADDRESS BYTES STATE SLOT SLOTS FREE     a run of pages, cut into slots of one size
     *     free ADDRESS BYTES resident|back             pages in no span; back: given back
     *     objects SLOT LIVE                            live objects in all slots of that size
     * STATE is cached (a thread allocates from it), partial (nobody's, with free slots), full,
     * large or stack (one object), or waiting (free, in a thread's cache). FREE has 16 hexadecimal
     * digits for each 64 slots, and the lowest bit is the first slot; 1: it is free. SLOT of a span
     * without several is its length. The cell calls it while no other thread calls the allocator.
     * NULL: it does not tell. */
    void (*dump)(int fd);
};

extern const struct allocator allocator;

#endif
