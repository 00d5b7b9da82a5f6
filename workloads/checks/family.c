/* The whole family of malloc as a program has it that the library serves. Each function is taken by
 * its name, of whatever object, and its blocks come into the hands of each other. What a library
 * leaves to the C library counts, too: then the process has two heaps, and free knows the blocks of
 * one. */
#include "check.h"
#include "owner_of.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void function(void);

enum { ALIGNMENT = 64, PAGE = 4096, LONGEST = 1 << 20 };

/* What a program writes into a text of this many characters; the longest block is one. */
static char text[LONGEST + 1];

/* --- what gives a block --- */

static void *by_size(function *f, size_t size) {
    return ((void *(*)(size_t))f)(size);
}

static void *by_calloc(function *f, size_t size) {
    return ((void *(*)(size_t, size_t))f)(1, size);
}

static void *by_realloc(function *f, size_t size) {
    return ((void *(*)(void *, size_t))f)(NULL, size);
}

static void *by_reallocarray(function *f, size_t size) {
    return ((void *(*)(void *, size_t, size_t))f)(NULL, 1, size);
}

static void *by_alignment(function *f, size_t size) {
    return ((void *(*)(size_t, size_t))f)(ALIGNMENT,
                                          (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static void *by_posix_memalign(function *f, size_t size) {
    void *block = NULL;
    return ((int (*)(void **, size_t, size_t))f)(&block, ALIGNMENT, size) == 0 ? block : NULL;
}

static void *by_strdup(function *f, size_t size) {
    return ((char *(*)(const char *))f)(text + LONGEST - size + 1);
}

static void *by_strndup(function *f, size_t size) {
    return ((char *(*)(const char *, size_t))f)(text, size - 1);
}

static void *by_asprintf(function *f, size_t size) {
    char *made = NULL;
    return ((int (*)(char **, const char *, ...))f)(&made, "%*s", (int)size - 1, "") < 0 ? NULL
                                                                                         : made;
}

static void *by_memstream(function *f, size_t size) {
    char *made   = NULL;
    size_t bytes = 0;
    FILE *file   = ((FILE * (*)(char **, size_t *)) f)(&made, &bytes);
    if (!file)
        return NULL;
    fwrite(text, 1, size - 1, file);
    return fclose(file) == 0 ? made : NULL;
}

/* Who promises that free takes its blocks. */
enum { STANDARD = 1, MANUAL = 2, BOTH = 3 };

static const struct giver {
    const char *name;
    unsigned from;
    bool is_direct; /* not one that calls the process's malloc */
    void *(*give)(function *, size_t size);
} givers[] = {
    {"malloc", STANDARD, true, by_size},
    {"calloc", STANDARD, true, by_calloc},
    {"realloc", STANDARD, true, by_realloc},
    {"reallocarray", STANDARD, true, by_reallocarray},
    {"aligned_alloc", STANDARD, true, by_alignment},
    {"posix_memalign", STANDARD, true, by_posix_memalign},
    {"strdup", STANDARD, false, by_strdup},
    {"strndup", STANDARD, false, by_strndup},
    {"asprintf", STANDARD, false, by_asprintf},
    {"open_memstream", STANDARD, false, by_memstream},
    {"memalign", MANUAL, true, by_alignment},
    {"valloc", MANUAL, true, by_size},
    {"pvalloc", MANUAL, true, by_size},
};
enum { GIVERS = sizeof givers / sizeof *givers };

/* --- what takes one --- */

/* As the process has them, also where the allocator's own are called otherwise. */
static struct {
    void (*free)(void *);
    void *(*malloc)(size_t);
} process;

/* True: the bytes of the old block that fit into the new one are there. The block is gone. */
static bool moved(void *block, size_t size, size_t new_size, uint64_t key) {
    const size_t least = new_size < size ? new_size : size;
    const bool good    = block && contents_intact(block, least, key) == least;
    process.free(block);
    return good;
}

static bool to_free(function *f, void *block, size_t size, uint64_t key) {
    (void)size;
    (void)key;
    ((void (*)(void *))f)(block);
    return true;
}

static bool to_realloc(function *f, void *block, size_t size, uint64_t key) {
    void *(*resize)(void *, size_t) = (void *(*)(void *, size_t))f;
    const size_t half               = size / 2 + 1;
    void *shrunk                    = resize(block, half);
    const bool good                 = shrunk && contents_intact(shrunk, half, key) == half;
    if (!good)
        return false;
    contents_fill(shrunk, half, key);
    return moved(resize(shrunk, size * 3), half, size * 3, key);
}

static bool to_reallocarray(function *f, void *block, size_t size, uint64_t key) {
    return moved(((void *(*)(void *, size_t, size_t))f)(block, 2, size), size, size * 2, key);
}

static bool to_usable_size(function *f, void *block, size_t size, uint64_t key) {
    const bool good = ((size_t(*)(void *))f)(block) >= size && moved(block, size, size, key);
    return good;
}

static bool to_free_sized(function *f, void *block, size_t size, uint64_t key) {
    (void)key;
    ((void (*)(void *, size_t))f)(block, size);
    return true;
}

/* Of free_aligned_sized, the size is that of the request, which by_alignment rounded up. */
static bool to_free_aligned_sized(function *f, void *block, size_t size, uint64_t key) {
    (void)key;
    ((void (*)(void *, size_t, size_t))f)(block, ALIGNMENT,
                                          (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    return true;
}

static const struct taker {
    const char *name;
    unsigned from;    /* who promises it, of blocks of any giver that is from there, too */
    const char *only; /* the givers whose blocks it may have; NULL: all */
    bool (*take)(function *, void *block, size_t size, uint64_t key);
} takers[] = {
    {"free", BOTH, NULL, to_free},
    {"realloc", BOTH, NULL, to_realloc},
    {"reallocarray", BOTH, NULL, to_reallocarray},
    {"malloc_usable_size", MANUAL, NULL, to_usable_size},
    {"free_sized", STANDARD, "malloc calloc realloc", to_free_sized},
    {"free_aligned_sized", STANDARD, "aligned_alloc", to_free_aligned_sized},
};
enum { TAKERS = sizeof takers / sizeof *takers };

/* C23 7.24.3.4p2, 7.24.3.5p2 name the functions whose blocks may be given. */
static bool may_take(const struct taker *t, const struct giver *g) {
    const char *at = t->only ? strstr(t->only, g->name) : NULL;
    return !t->only || (at && (at == t->only || at[-1] == ' ') &&
                        (at[strlen(g->name)] == ' ' || !at[strlen(g->name)]));
}

static function *find(const char *name) {
    function *found;
    *(void **)&found = dlsym(RTLD_DEFAULT, name);
    return found;
}

/* --- each block in each hand --- */

struct pair {
    const struct giver *g;
    const struct taker *t;
    function *give, *take;
};

static void hand_over(struct check_run *c, void *arg) {
    enum { BESIDE = 2, BESIDE_SIZE = 200 };
    const struct pair *p = arg;
    for (size_t size = 1; size < LONGEST / 2; size = size * 7 + 1) {
        void *beside[BESIDE];
        check_doing(c, "%s of a block of %s, %zu bytes", p->t->name, p->g->name, size);
        beside[0]   = process.malloc(BESIDE_SIZE);
        void *block = p->g->give(p->give, size);
        beside[1]   = process.malloc(BESIDE_SIZE);
        MUST(c, block && beside[0] && beside[1], "a block", "%s of %zu bytes gave %p", p->g->name,
             size, block);
        contents_fill(block, size, size);
        for (uint64_t i = 0; i < BESIDE; i++)
            contents_fill(beside[i], BESIDE_SIZE, i);
        MUST(c, p->t->take(p->take, block, size, size), "the bytes of the block, and room for them",
             "%s did not do what it is for with a block of %s of %zu bytes", p->t->name, p->g->name,
             size);
        for (uint64_t i = 0; i < BESIDE; i++)
            MUST(c, contents_intact(beside[i], BESIDE_SIZE, i) == BESIDE_SIZE,
                 "a live block belongs to its owner alone",
                 "a block beside changed at %s of a block of %s of %zu bytes", p->t->name,
                 p->g->name, size);
        process.free(beside[0]);
        process.free(beside[1]);
        check_progress(c);
    }
}

/* Of a function that another object serves than free: free may have taken no notice. More than a
 * quarantine holds. */
static void give_back(struct check_run *c, void *arg) {
    enum { TIMES = 500, ALLOWED = 400 << 20 };
    const struct pair *p = arg;
    const size_t before  = check_rss();
    for (unsigned i = 0; i < TIMES; i++) {
        unsigned char *block = p->g->give(p->give, LONGEST);
        for (size_t at = 0; block && at < LONGEST; at += PAGE)
            block[at] = 1;
        process.free(block);
        check_progress(c);
    }
    const size_t after = check_rss();
    check_that(c, after < before + ALLOWED, "what is freed is made available",
               "after %d blocks of %s of %d bytes were freed, %zu MiB more are resident", TIMES,
               p->g->name, LONGEST, (after - before) >> 20);
}

static bool is_of_another(const struct giver *g, function *give) {
    return g->is_direct &&
           strcmp(owner_of((const void *)give), owner_of((const void *)process.free)) != 0;
}

/* Those pairs of which one or the other is promised by `from`, and no standard has both. */
static bool is_meant(const struct giver *g, const struct taker *t, unsigned from) {
    const bool standard = g->from & STANDARD && t->from & STANDARD;
    return from == STANDARD ? standard : !standard;
}

static void try_all(struct check_run *c, unsigned from) {
    if (!owner_serves_process(c))
        return;
    memset(text, 'x', LONGEST);
    process.free   = (void (*)(void *))find("free");
    process.malloc = (void *(*)(size_t))find("malloc");
    for (size_t i = 0; i < GIVERS; i++)
        for (size_t k = 0; k < TAKERS; k++) {
            struct pair p = {&givers[i], &takers[k], find(givers[i].name), find(takers[k].name)};
            if (!is_meant(p.g, p.t, from) || !may_take(p.t, p.g))
                continue;
            if (!p.give || !p.take) {
                check_tell(c, "nobody has %s", p.give ? p.t->name : p.g->name);
                continue;
            }
            check_tell(c, "%s of %s, %s of %s", p.g->name, owner_of((const void *)p.give),
                       p.t->name, owner_of((const void *)p.take));
            if (!check_child(c, hand_over, &p, 20, "a block of either is one of the other's") ||
                c->verdict != CHECK_PASS)
                return;
            if (k == 0 && is_of_another(p.g, p.give) &&
                !check_child(c, give_back, &p, 20, "a free that frees"))
                return;
        }
}

CHECK(standard, .name = "family.standard", .kind = CHECK_REQUIRED, .process = PROCESS_PRELOADED,
      .profiles = PROFILES_C,
      .clause   = "C17 7.22.3.3p2, 7.22.3.5; POSIX.1-2024 free, strdup, asprintf, open_memstream",
      .summary  = "free and realloc, as a program has them, take blocks of all that allocates") {
    try_all(c, STANDARD);
}

CHECK(whole, .name = "family.whole", .kind = CHECK_REQUIRED, .process = PROCESS_PRELOADED,
      .profiles = PROFILE_GLIBC,
      .clause   = "posix_memalign(3), malloc_usable_size(3); glibc manual, Replacing malloc",
      .summary  = "memalign, valloc, pvalloc, malloc_usable_size are of one heap with the others") {
    try_all(c, MANUAL);
}
