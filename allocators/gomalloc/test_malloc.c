/* The API: what the C standard, POSIX and glibc's manual promise, and where they leave it open,
 * what gomalloc.h says. */
#include "gomalloc.h"
#include "hardened.h"
#include "sizeclasses.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>

/* volatile: the compiler must not know that the requests are absurd. */
static volatile size_t huge = SIZE_MAX, half = SIZE_MAX / 2 + 1;

static bool is_filled(const unsigned char *p, size_t from, size_t to, unsigned char with) {
    for (size_t i = from; i < to; i++)
        if (p[i] != with)
            return false;
    return true;
}

static void test_sizes(void) {
    unsigned wrong = 0;
    for (size_t size = 0; size < 200000; size += size < 2100 ? 1 : 97) {
        unsigned char *p = gom_malloc(size);
        size_t alignment = 16;
        while (alignment > 1 && alignment > size)
            alignment /= 2;
        wrong += !p || (uintptr_t)p % alignment || gom_usable_size(p) < size;
        memset(p, 0x5a, gom_usable_size(p));
        gom_free(p);
    }
    IS(wrong, 0, "each size: aligned, and all of the usable size may be written");
    void *a = gom_malloc(0), *b = gom_malloc(0);
    OK(a && b && a != b, "malloc(0) gives blocks of their own");
    gom_free(a);
    gom_free(b);
    gom_free(NULL);
    OK(gom_usable_size(NULL) == 0, "NULL may be freed, and has no bytes");
}

static void test_too_much(void) {
    errno = 0;
    OK(!gom_malloc(huge) && errno == ENOMEM, "malloc of SIZE_MAX: ENOMEM");
    errno = 0;
    OK(!gom_malloc(half) && errno == ENOMEM, "malloc of more than PTRDIFF_MAX: ENOMEM");
    errno = 0;
    OK(!gom_malloc(half - 1) && errno == ENOMEM, "malloc of PTRDIFF_MAX: ENOMEM");
    errno = 0;
    OK(!gom_malloc((size_t)1 << 50) && errno == ENOMEM, "malloc of a pebibyte: ENOMEM");
    errno = 0;
    OK(!gom_calloc(half, 2) && errno == ENOMEM, "calloc: the product overflows to 0: ENOMEM");
    errno = 0;
    OK(!gom_calloc(huge, huge) && errno == ENOMEM, "calloc: the product overflows to 1: ENOMEM");
    unsigned char *p = gom_malloc(100);
    memset(p, 0x5a, 100);
    errno = 0;
    OK(!gom_reallocarray(p, half, 2) && errno == ENOMEM, "reallocarray: the same");
    errno = 0;
    OK(!gom_realloc(p, huge) && errno == ENOMEM, "realloc to too much: ENOMEM");
    OK(is_filled(p, 0, 100, 0x5a), "the block keeps its contents");
    memset(p, 1, 100);
    gom_free(p);
    errno = 0;
    OK(!gom_pvalloc(huge) && errno == ENOMEM && !gom_valloc(huge), "valloc and pvalloc: ENOMEM");
    OK(!gom_stack_alloc(huge) && !gom_alloc(huge, GOM_NOSCAN), "and the others");
}

static void test_calloc(void) {
    unsigned wrong = 0;
    for (unsigned round = 0; round < 3; round++)
        for (size_t size = 1; size < 300000; size = size * 5 / 4 + 1) {
            unsigned char *p = gom_calloc(1, size);
            wrong += !is_filled(p, 0, size, 0);
            memset(p, 0xff, gom_usable_size(p));
            gom_free(p);
        }
    IS(wrong, 0, "calloc gives zeros, also where others have written");
    unsigned char *p = gom_calloc(300, 1000);
    OK(p && is_filled(p, 0, 300000, 0), "for all elements");
    gom_free(p);
    p = gom_calloc(0, 8);
    OK(p, "calloc of nothing is a block");
    gom_free(p);
    p = gom_alloc(5000, GOM_ZERO | GOM_NOSCAN);
    OK(p && is_filled(p, 0, 5000, 0), "GOM_ZERO is zero");
    gom_free(p);
}

/* Blocks that were written to are freed, and calloc has them again. */
static void test_calloc_usable(void) {
    enum { BLOCKS = 3 };
    unsigned wrong = 0, sizes = 0;
    for (size_t size = 0; size < 140000; size += size < 2100 ? 1 : 411, sizes++) {
        unsigned char *p[BLOCKS];
        for (unsigned i = 0; i < BLOCKS; i++)
            p[i] = gom_malloc(size);
        for (unsigned i = 0; i < BLOCKS; i++) {
            memset(p[i], 0xa5, gom_usable_size(p[i]));
            gom_free(p[i]);
        }
        bool bad = false;
        for (unsigned i = 0; i < BLOCKS; i++) {
            p[i] = i % 2 ? gom_alloc(size, GOM_ZERO) : gom_calloc(1, size);
            bad |= !is_filled(p[i], 0, gom_usable_size(p[i]), 0);
        }
        for (unsigned i = 0; i < BLOCKS; i++)
            gom_free(p[i]);
        wrong += bad;
    }
    IS(wrong, 0, "calloc and GOM_ZERO: all usable bytes are zero, of each of %u sizes", sizes);
    wrong = 0;
    for (unsigned size = 1; size < 16; size++)
        for (unsigned i = 0; i < 100; i++) {
            unsigned char *p = gom_alloc(size, GOM_TINY);
            memset(p, 0xa5, gom_usable_size(p));
            gom_free(p);
            p = gom_alloc(size, GOM_TINY | GOM_ZERO);
            wrong += !is_filled(p, 0, gom_usable_size(p), 0);
            gom_free(p);
        }
    IS(wrong, 0, "of tiny ones, too");
}

/* The usable size is the program's: nothing of it is lost. */
static void test_realloc_usable(void) {
    unsigned wrong = 0;
    for (size_t size = 1; size < 100000; size += size / 3 + 1)
        for (size_t to = 1; to < 200000; to = to * 2 + 1) {
            unsigned char *p = gom_malloc(size);
            const size_t had = gom_usable_size(p);
            memset(p, 0x5a, had);
            p                 = gom_realloc(p, to);
            const size_t kept = had < to ? had : to;
            wrong += !p || gom_usable_size(p) < to || !is_filled(p, 0, kept, 0x5a);
            gom_free(p);
        }
    IS(wrong, 0, "realloc keeps all usable bytes that fit");
}

static void test_realloc(void) {
    unsigned wrong   = 0;
    unsigned char *p = gom_realloc(NULL, 10);
    OK(p, "realloc of NULL is malloc");
    memset(p, 7, 10);
    size_t size                 = 10;
    static const size_t steps[] = {11,     200,   40,      5000,    33000, 32768, 100000,
                                   900000, 90000, 9000000, 9100000, 40000, 16,    1};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        p = gom_realloc(p, steps[i]);
        if (!p)
            break;
        wrong +=
            gom_usable_size(p) < steps[i] || !is_filled(p, 0, size < steps[i] ? size : steps[i], 7);
        size = steps[i];
        memset(p, 7, size);
    }
    IS(wrong, 0, "the contents come along, up and down");
    errno = 0;
    OK(p && gom_realloc(p, 0) == NULL && errno == EINVAL, "realloc to nothing frees: EINVAL");
    p = gom_malloc(100);
    OK(gom_realloc(p, HARDENED ? 111 : 112) == p, "within the class a block stays");
    gom_free(p);
    p       = gom_malloc(1 << 20);
    void *q = gom_realloc(p, 1 << 19);
    OK(q == p && gom_usable_size(q) == 1 << 19, "a large block shrinks in place");
    OK(gom_realloc(q, 1 << 20) == p, "and grows in place, while the pages behind it are free");
    gom_free(q);
}

static void test_aligned(void) {
    unsigned wrong = 0;
    for (size_t alignment = 1; alignment <= 1 << 22; alignment *= 2)
        for (size_t size = 0; size < 100000; size = size * 3 + 1) {
            unsigned char *p = gom_aligned_alloc(alignment, size),
                          *q = gom_memalign(alignment, size);
            void *r          = NULL;
            if (!p || !q) {
                wrong++;
                continue;
            }
            wrong += ((uintptr_t)p | (uintptr_t)q) % alignment != 0;
            wrong += gom_usable_size(p) < size || gom_usable_size(q) < size;
            memset(p, 1, gom_usable_size(p));
            memset(q, 2, gom_usable_size(q));
            const int code = gom_posix_memalign(&r, alignment, size);
            wrong += alignment < sizeof(void *) ? code != EINVAL : code || (uintptr_t)r % alignment;
            wrong += !is_filled(p, 0, size, 1);
            gom_free_aligned_sized(p, alignment, size);
            gom_free(q);
            gom_free(r);
        }
    IS(wrong, 0, "alignments up to 4 MiB");
    void *p = &wrong;
    errno   = 3;
    IS(gom_posix_memalign(&p, 24, 8), EINVAL, "posix_memalign: 24 is not an alignment");
    IS(gom_posix_memalign(&p, 0, 8), EINVAL, "posix_memalign: nor is 0");
    IS(gom_posix_memalign(&p, 64, half), ENOMEM, "posix_memalign: too much is ENOMEM");
    OK(p == &wrong && errno == 3, "posix_memalign leaves the pointer and errno alone");
    OK(!gom_aligned_alloc(48, 96) && errno == EINVAL, "aligned_alloc: 48 is EINVAL");
    errno = 0;
    OK(!gom_aligned_alloc(half, 1) && errno == ENOMEM,
       "aligned_alloc: half of everything is ENOMEM");
    p = gom_memalign(48, 96);
    OK(p && (uintptr_t)p % 64 == 0, "memalign rounds 48 up, as glibc does");
    gom_free(p);
    unsigned bad = 0;
    for (size_t alignment = 0; alignment < 70000; alignment += alignment < 300 ? 1 : 4999) {
        size_t power = 1;
        while (power < alignment)
            power *= 2;
        p = gom_memalign(alignment, 10);
        bad += !p || (uintptr_t)p % power;
        gom_free(p);
    }
    IS(bad, 0, "and any other");
    errno = 0;
    OK(!gom_memalign(huge, 1) && errno == EINVAL, "memalign: above all powers is EINVAL");
    errno = 0;
    OK(!gom_memalign(half + 1, 1) && errno == EINVAL, "memalign: so is half of everything and one");
    errno = 0;
    OK(!gom_memalign(half, 1) && errno == ENOMEM, "memalign: half of everything is ENOMEM");
    errno = 0;
    OK(!gom_memalign(half - 1, 1) && errno == ENOMEM, "memalign: what is rounded to it, too");
    errno = 0;
    OK(!gom_memalign(64, huge) && errno == ENOMEM, "memalign: too much is ENOMEM");
    p = gom_pvalloc(1);
    OK((uintptr_t)p % 4096 == 0 && gom_usable_size(p) >= 4096, "pvalloc gives whole pages");
    gom_free(p);
    p = gom_aligned_alloc(64, 1000);
    p = gom_realloc(p, 2000);
    OK(p, "an aligned block may be resized");
    gom_free(p);
}

static void test_errno(void) {
    static void *p[1000];
    errno = 77;
    for (unsigned i = 0; i < 1000; i++)
        p[i] = gom_malloc(i * 97);
    for (unsigned i = 0; i < 1000; i++)
        gom_free(p[i]);
    gom_trim(0);
    IS(errno, 77, "success and free leave errno alone");
}

static void test_flags(void) {
    void *a = gom_alloc(24, GOM_WORD), *b = gom_alloc(24, 0), *c = gom_alloc(24, GOM_NOSCAN);
    OK(gom_usable_size(a) == 24 && gom_usable_size(b) == (HARDENED ? 24 : 32),
       "24 bytes of words fit in 24");
    OK((uintptr_t)b / PAGE_BYTES != (uintptr_t)c / PAGE_BYTES, "noscan is kept apart");
    gom_free(a);
    gom_free_sized(b, 24);
    gom_free(c);
    char *stack = gom_stack_alloc(100000);
    OK(stack && (uintptr_t)stack % PAGE_BYTES == 0, "a stack is whole pages");
    memset(stack, 1, 100000);
    gom_stack_free(stack);
    gom_stack_free(NULL);
}

int main(void) {
    test_flags(); /* first, for blocks that are too short are overrun by what follows */
    test_sizes();
    test_too_much();
    test_calloc();
    test_calloc_usable();
    test_realloc();
    test_realloc_usable();
    test_aligned();
    test_errno();
    return tap_done();
}
