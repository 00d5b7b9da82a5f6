/* check_returns: calls a function as checks do, for a driver that saw a check hang. */
#include "allocating.h"
#include "check.h"

#include <string.h>

static const size_t sizes[] = {0,
                               1,
                               16,
                               100,
                               1000,
                               5000,
                               40000,
                               300000,
                               5 << 20,
                               SIZE_MAX / 2,
                               SIZE_MAX / 2 + 1,
                               SIZE_MAX - 4096,
                               SIZE_MAX - 100,
                               SIZE_MAX};
enum { SIZES = sizeof sizes / sizeof *sizes, GRANTED = 9 };

/* Nothing is freed: if free does not return, that is not the fault of another. */
static void make_all(const struct allocator *a, const struct maker *m) {
    enum { ALIGNMENT = 64 };
    for (size_t i = 0; i < SIZES; i++)
        m->make(a, m->takes_alignment ? ALIGNMENT : 1, sizes[i]);
}

static void resize_all(const struct allocator *a, bool array) {
    void *block = a->malloc(1);
    for (size_t i = 1; i < 2 * GRANTED; i++) { /* up, and down again */
        const size_t size = sizes[i < GRANTED ? i : 2 * GRANTED - i];
        void *moved       = array ? a->reallocarray(block, size, 1) : a->realloc(block, size);
        block             = moved ? moved : block;
    }
}

static void free_all(const struct allocator *a) {
    a->free(NULL);
    for (size_t i = 0; i < GRANTED; i++)
        a->free(a->malloc(sizes[i]));
}

static void measure_all(const struct allocator *a) {
    for (size_t i = 0; i < GRANTED; i++)
        a->usable_size(a->malloc(sizes[i]));
}

bool check_returns(const char *function, const struct allocator *a) {
    bool called = false;
    for (size_t m = 0; m < MAKERS; m++)
        if (strcmp(function, makers[m].name) == 0 && maker_has(&makers[m], a)) {
            make_all(a, &makers[m]);
            if (strncmp(function, "realloc", strlen("realloc")) == 0)
                resize_all(a, strcmp(function, "reallocarray") == 0);
            called = true;
        }
    if (strcmp(function, "free") == 0) {
        free_all(a);
        called = true;
    } else if (strcmp(function, "usable_size") == 0 && a->usable_size) {
        measure_all(a);
        called = true;
    }
    return called;
}
