/* The rules of identity.h, on vtables made for them. (Libraries and preloads: test_cells.py.) */
#include "identity.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>

static void *cell_malloc(size_t size) {
    return malloc(size);
}

static void cell_free(void *block) {
    free(block);
}

static struct mallinfo2 cell_stats(void) {
    return mallinfo2();
}

/* The C library's, as allocators/system.c has it. */
static const struct allocator system_has = {.abi         = ALLOCATOR_ABI,
                                            .malloc      = malloc,
                                            .free        = free,
                                            .usable_size = malloc_usable_size,
                                            .stats       = mallinfo2};

/* All in this executable. */
static const struct allocator cell_has = {
    .abi = ALLOCATOR_ABI, .object = ALLOCATOR_IN_CELL, .malloc = cell_malloc, .free = cell_free};

static struct identity id;
static struct allocator bound;

static bool proven(struct allocator claimed, const char *expected) {
    return identity_bind(&claimed, expected, &bound, &id);
}

static const struct identity_slot *slot(const char *name) {
    for (size_t i = 0; i < IDENTITY_SLOTS; i++)
        if (strcmp(id.slot[i].name, name) == 0)
            return &id.slot[i];
    return NULL;
}

static void test_in_cell(void) {
    struct allocator a = cell_has;
    OK(!proven(a, NULL), "an allocator may not be in the cell itself");
    CONTAINS(id.problem, "object file of its own", "and is told why");
    a.object = program_invocation_short_name;
    OK(!proven(a, NULL), "nor when it names the cell's file");
    CONTAINS(id.problem, "object file of its own", "and is told why");
    a.object = NULL;
    OK(!proven(a, NULL), "nor when it names none");
    OK(!proven(a, "/proc/self/exe"), "nor when it is expected there");
    CONTAINS(id.problem, "object file of its own", "and is told why");
    a.object = ALLOCATOR_IN_CELL;
    a.flags  = ALLOCATOR_FLOOR;
    OK(proven(a, NULL), "the floor may: %s", id.problem);
    a.flags = ALLOCATOR_PLANTED;
    OK(proven(a, NULL), "a planted bug may: %s", id.problem);
    a.object = "libfoo.so";
    OK(!proven(a, NULL), "but not under another name");
    CONTAINS(id.problem, "expected libfoo.so, the .object in allocators/test_identity.c",
             "and the name is said, with its place");
    a        = system_has;
    a.object = ALLOCATOR_IN_CELL;
    a.flags  = ALLOCATOR_PLANTED;
    OK(!proven(a, NULL), "what claims to be in the cell is there");
    CONTAINS(id.problem, "expected the cell itself", "or that is said");
}

static void test_process(void) {
    OK(proven(system_has, NULL), "the C library is proven: %s", id.problem);
    OK(bound.malloc == malloc && bound.stats == mallinfo2, "with its functions");
    CONTAINS(id.object, "libc", "by its file");
    char libc[PATH_MAX];
    snprintf(libc, sizeof libc, "%s", id.object);
    OK(!proven(system_has, "/nonexistent/libfoo.so"), "a preload that is not there is an error");
    OK(proven(system_has, libc), "a library that was expected is proven: %s", id.problem);
    OK(!bound.stats && !slot("stats")->supported, "its stats could be misread, so it has none");
    OK(bound.usable_size && slot("usable_size")->supported, "its other functions count");
    struct allocator a = system_has;
    a.object           = "libc.so";
    a.stats            = cell_stats;
    OK(proven(a, NULL) && bound.stats == cell_stats, "an adapter may wrap stats: %s", id.problem);
    a      = system_has;
    a.free = cell_free;
    OK(!proven(a, NULL), "malloc and free are of one object");
    a.free = NULL;
    OK(!proven(a, NULL), "an allocator without free is none");
    CONTAINS(id.problem, "has no free", "and is told why");
    a.malloc = NULL;
    OK(!proven(a, NULL), "nor one without malloc");
    a     = system_has;
    a.abi = ALLOCATOR_ABI + 1;
    OK(!proven(a, NULL), "another version of the contract is refused");
    a       = cell_has;
    a.flags = ALLOCATOR_PLANTED;
    a.stats = mallinfo2;
    OK(!proven(a, NULL), "a slot of another object is an error");
    CONTAINS(id.problem, "stats belongs to", "which names it");
}

static void test_complete(void) {
    struct allocator a = system_has;
    OK(proven(a, NULL) && !bound.aligned_alloc, "an adapter may leave functions out");
    identity_complete(&bound);
    OK(bound.aligned_alloc == aligned_alloc && bound.usable_size == malloc_usable_size,
       "what the adapter leaves out is there by its usual name");
    OK(!bound.purge, "but for what means another thing elsewhere");
    a       = cell_has;
    a.flags = ALLOCATOR_PLANTED;
    OK(proven(a, NULL), "an allocator that does not serve the process: %s", id.problem);
    identity_complete(&bound);
    OK(!bound.calloc && !bound.reallocarray, "gets no functions of who does");
}

int main(void) {
    test_in_cell();
    test_process();
    test_complete();
    return tap_done();
}
