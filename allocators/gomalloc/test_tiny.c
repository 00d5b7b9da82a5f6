/* Tiny objects: pieces of shared 16-byte blocks, each freed, resized and measured by itself. */
#include "gomalloc.h"
#include "tap.h"

#include <pthread.h>
#include <stdlib.h>

enum { MANY = 20000, THREADS = 4 };
#ifdef GOMALLOC_HARDENED
enum { HAS_TINY = false };
#else
enum { HAS_TINY = true };
#endif

static struct gom_memstats now(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return m;
}

static size_t alignment_of(size_t size) {
    size_t alignment = 1;
    while (alignment * 2 <= size)
        alignment *= 2;
    return alignment;
}

static unsigned char *piece[MANY];
static unsigned char size_of[MANY];

static unsigned wrong_bytes(unsigned i) {
    unsigned wrong = 0;
    for (unsigned b = 0; b < size_of[i]; b++)
        wrong += piece[i][b] != (unsigned char)(i * 7);
    return wrong;
}

static void make(unsigned i, unsigned size) {
    size_of[i] = (unsigned char)size;
    memset(piece[i] = gom_alloc(size, GOM_TINY), (int)(i * 7), size);
}

static void test_share(void) {
    char *a = gom_alloc(5, GOM_TINY), *b = gom_alloc(2, GOM_TINY), *c = gom_alloc(8, GOM_TINY);
    OK(((uintptr_t)a ^ (uintptr_t)b) < 16 && ((uintptr_t)a ^ (uintptr_t)c) < 16,
       "5, 2 and 8 bytes share a block");
    OK(b == a + 6 && c == a + 8, "each aligned to the largest power of two in its size");
    OK(gom_usable_size(a) >= 5 && gom_usable_size(a) <= 6 && gom_usable_size(b) == 2 &&
           gom_usable_size(c) == 8,
       "each has its own size");
    memset(a, 1, 5);
    memset(b, 2, 2);
    memset(c, 3, 8);
    gom_free(b);
    char *d = gom_realloc(a, 12);
    OK(d != a && d[0] == 1 && d[4] == 1 && c[0] == 3, "one grows elsewhere, the others stay");
    gom_free(d);
    gom_free(c);
    gom_trim(0);
    IS(now().heap_objects, 0, "when all pieces are freed, so is the block");
    OK(gom_usable_size(a = gom_alloc(16, GOM_TINY)) == 16, "16 bytes are a block of their own");
    gom_free(a);
    gom_free(gom_alloc(0, GOM_TINY));
}

/* The last byte's bit in the note says that the block is a thread's current one. */
static void test_last_byte(void) {
    char *a = gom_alloc(8, GOM_TINY), *b = gom_alloc(7, GOM_TINY), *c = gom_alloc(1, GOM_TINY);
    OK(b == a + 8 && ((uintptr_t)a ^ (uintptr_t)c) >= 16,
       "the last byte of a block is not a piece");
    gom_free(a);
    gom_free(b);
    gom_free(c);
    gom_trim(0);
}

static void test_many(void) {
    unsigned wrong = 0;
    for (unsigned i = 0; i < MANY; i++) {
        make(i, i % 15 + 1);
        wrong += (uintptr_t)piece[i] % alignment_of(size_of[i]) != 0;
        wrong += gom_usable_size(piece[i]) < size_of[i];
    }
    IS(wrong, 0, "%d pieces: aligned, and as long as asked for", MANY);
    const uint64_t objects = now().heap_objects;
    OK(objects < MANY * 7 / 10, "%d pieces are in %llu blocks", MANY, (unsigned long long)objects);
    for (unsigned i = 0; i < MANY; i += 2) {
        wrong += wrong_bytes(i);
        gom_free(piece[i]);
    }
    for (unsigned i = 1; i < MANY; i += 2)
        wrong += wrong_bytes(i) + (gom_usable_size(piece[i]) < size_of[i]);
    for (unsigned i = 0; i < MANY; i += 2)
        make(i, (i / 3) % 15 + 1);
    for (unsigned i = 0; i < MANY; i++) {
        wrong += wrong_bytes(i);
        gom_free(piece[i]);
    }
    IS(wrong, 0, "pieces do not overlap, also after half of them were replaced");
    gom_trim(0);
    IS(now().heap_inuse, 0, "nothing is left of them");
}

/* Each thread frees every fourth piece: those of one block go at the same time. */
static void *free_some(void *argument) {
    for (unsigned i = *(const unsigned *)argument; i < MANY; i += THREADS)
        gom_free(piece[i]);
    return NULL;
}

static void test_threads(void) {
    static unsigned first[THREADS] = {0, 1, 2, 3};
    pthread_t thread[THREADS];
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < MANY; i++)
            make(i, (i + round) % 15 + 1);
        for (unsigned t = 0; t < THREADS; t++)
            pthread_create(&thread[t], NULL, free_some, &first[t]);
        for (unsigned t = 0; t < THREADS; t++)
            pthread_join(thread[t], NULL);
    }
    gom_trim(0);
    IS(now().heap_inuse, 0, "freed by several threads at the same time, nothing is left");
}

/* What a parsed document is made of: per record a node, short keys, numbers, some longer strings.
 */
enum { RECORDS = 20000, FIELDS = 8 };

static void *record[RECORDS][FIELDS];

static struct gom_memstats build_document(unsigned flags) {
    const struct gom_memstats before = now();
    uint32_t state                   = 1;
    for (unsigned i = 0; i < RECORDS; i++)
        for (unsigned f = 0; f < FIELDS; f++) {
            state             = state * 1664525 + 1013904223;
            const size_t size = f == 0   ? 48                /* the node */
                                : f < 4  ? 3 + (state >> 28) /* a key of 3 to 18 bytes */
                                : f < 6  ? 8                 /* a number */
                                : f == 6 ? 1 + (state >> 27) /* a string of 1 to 32 bytes */
                                         : 64;               /* a table of fields */
            record[i][f]      = gom_alloc(size, f == 0 || f == 7 ? 0 : flags);
            memset(record[i][f], 1, size);
        }
    struct gom_memstats with = now();
    with.mallocs -= before.mallocs;
    with.heap_inuse += with.mspan_inuse - before.heap_inuse - before.mspan_inuse;
    for (unsigned i = 0; i < RECORDS; i++)
        for (unsigned f = 0; f < FIELDS; f++)
            gom_free(record[i][f]);
    gom_trim(0);
    return with;
}

static void test_document(void) {
    const struct gom_memstats off = build_document(GOM_NOSCAN), on = build_document(GOM_TINY);
    printf("# a document of %d blocks: objects %llu, shared %llu (%.1f %% fewer); heap with its "
           "descriptors %.2f MiB, shared %.2f (%.1f %% less)\n",
           RECORDS * FIELDS, (unsigned long long)off.mallocs, (unsigned long long)on.mallocs,
           100.0 - 100.0 * (double)on.mallocs / (double)off.mallocs,
           (double)off.heap_inuse / (1 << 20), (double)on.heap_inuse / (1 << 20),
           100.0 - 100.0 * (double)on.heap_inuse / (double)off.heap_inuse);
    OK(on.mallocs < off.mallocs, "a document needs fewer objects when tiny ones share");
}

int main(void) {
    if (!HAS_TINY) {
        tap_skip("tiny objects", "the hardened build has none");
        return tap_done();
    }
    test_share();
    test_last_byte();
    test_many();
    test_threads();
    test_document();
    return tap_done();
}
