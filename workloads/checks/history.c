/* The dimensions of a request, crossed: function x size x alignment x history of the memory. Sizes
 * are none, and edges of classes and pages; alignments go to 1 GiB. Memory is fresh, freed full of
 * bytes, split, resized, or went through another thread. Each dimension alone has checks elsewhere.
 * Here is found what a library treats on its own in one combination, as no bytes at an alignment of
 * 64. The combinations are generated; a run tries a sample by the seed, a whole one all. */
#include "allocating.h"
#include "check.h"
#include "helper_thread.h"

#include <string.h>

enum history {
    FRESH,
    REUSED,          /* blocks of the same request, full of bytes, were freed */
    SPLIT,           /* larger ones were */
    RESIZED,         /* realloc grew or shrank blocks to the size, or it makes this one so */
    FREED_ELSEWHERE, /* as REUSED, but another thread freed them */
    MADE_ELSEWHERE,  /* as REUSED, but another thread made them */
    HISTORIES
};

static const char *const history_name[HISTORIES] = {
    [FRESH]           = "new",
    [REUSED]          = "after such blocks were freed",
    [SPLIT]           = "after larger blocks were freed",
    [RESIZED]         = "after realloc to that size",
    [FREED_ELSEWHERE] = "after another thread freed such blocks",
    [MADE_ELSEWHERE]  = "after such blocks of another thread were freed",
};

struct request {
    struct check_run *c;
    const struct maker *m;
    size_t alignment, size;
    enum history history;
};

struct block {
    void *at;
    size_t size;
    uint64_t key;
};

enum { LIVE = 4, FEW = 2, LARGE_ALIGNMENT = 1 << 20, MOST_ALIGNED = 1 << 30 };

/* --- bytes --- */

enum { END_BYTES = 4096 };

/* All of a small block; the ends of a large one, which would take long. */
static bool is_short(size_t size) {
    return size <= (size_t)2 * END_BYTES;
}

static void fill(const struct block *b) {
    contents_fill(b->at, is_short(b->size) ? b->size : END_BYTES, b->key);
    if (!is_short(b->size))
        contents_fill((char *)b->at + b->size - END_BYTES, END_BYTES, b->key + 1);
}

static bool is_intact(const struct block *b) {
    if (is_short(b->size))
        return contents_intact(b->at, b->size, b->key) == b->size;
    return contents_intact(b->at, END_BYTES, b->key) == END_BYTES &&
           contents_intact((char *)b->at + b->size - END_BYTES, END_BYTES, b->key + 1) == END_BYTES;
}

static bool is_zero(const struct block *b) {
    if (is_short(b->size))
        return contents_zero(b->at, b->size) == b->size;
    return contents_zero(b->at, END_BYTES) == END_BYTES &&
           contents_zero((char *)b->at + b->size - END_BYTES, END_BYTES) == END_BYTES;
}

static void soil(void *block, size_t size) {
    enum { DIRT = 0xa5 };
    if (!block)
        return;
    memset(block, DIRT, is_short(size) ? size : END_BYTES);
    if (!is_short(size))
        memset((char *)block + size - END_BYTES, DIRT, END_BYTES);
}

/* --- what was before --- */

/* Blocks that are made and freed, by this thread or the other. */
struct earlier {
    const struct request *r;
    size_t size, count;
    void *block[LIVE];
};

/* Some without the alignment, in whose place an aligned one may come. */
static void make_earlier(void *arg) {
    struct earlier *e       = arg;
    const struct request *r = e->r;
    for (size_t i = 0; i < e->count; i++) {
        e->block[i] = i % 2 ? r->c->a->malloc(e->size) : r->m->make(r->c->a, r->alignment, e->size);
        soil(e->block[i], e->size);
    }
}

static void free_earlier(void *arg) {
    struct earlier *e = arg;
    for (size_t i = 0; i < e->count; i++)
        e->r->c->a->free(e->block[i]);
}

static size_t live_of(const struct request *r) {
    return r->alignment > LARGE_ALIGNMENT || r->size > LARGE_ALIGNMENT ? FEW : LIVE;
}

/* From half as much or from twice. */
static size_t other_size(const struct request *r, size_t i) {
    return i % 2 ? r->size / 2 + 1 : r->size * 2 + 1;
}

static void resize_some(const struct request *r) {
    const struct allocator *a = r->c->a;
    for (size_t i = 0; i < LIVE; i++) {
        void *block = a->malloc(other_size(r, i));
        soil(block, other_size(r, i));
        void *moved = block ? a->realloc(block, r->size + !r->size) : NULL;
        a->free(moved ? moved : block);
    }
}

static void prepare(const struct request *r, struct helper_thread *helper) {
    const size_t larger = 3 * r->size + 64;
    struct earlier e    = {.r = r, .size = r->size, .count = live_of(r)};
    switch (r->history) {
    case SPLIT: e.size = larger; /* fall through */
    case REUSED:
        make_earlier(&e);
        free_earlier(&e);
        break;
    case RESIZED:
        if (r->c->a->realloc)
            resize_some(r);
        break;
    case FREED_ELSEWHERE:
        make_earlier(&e);
        helper_thread_run(helper, free_earlier, &e);
        break;
    case MADE_ELSEWHERE:
        helper_thread_run(helper, make_earlier, &e);
        free_earlier(&e);
        break;
    case FRESH:
    case HISTORIES: break;
    }
}

/* --- the request --- */

enum { REALLOC = 2, REALLOCARRAY = 3 };

/* realloc of a live block, which keeps its bytes. False: it does not. */
static bool resized(const struct request *r, size_t i, struct block *b) {
    const struct allocator *a = r->c->a;
    struct block old          = {a->malloc(other_size(r, i)), other_size(r, i), b->key + 2};
    if (!check_that(r->c, old.at != NULL, "a block", "malloc(%zu) gave NULL", old.size))
        return false;
    contents_fill(old.at, old.size, old.key);
    b->at             = r->m == &makers[REALLOC] ? a->realloc(old.at, r->size)
                                                 : a->reallocarray(old.at, r->size, 1);
    const size_t kept = old.size < r->size ? old.size : r->size;
    return check_that(r->c, b->at && contents_intact(b->at, kept, old.key) == kept,
                      "a block that keeps the lesser of the two sizes",
                      "%s from %zu to %zu gave %p, or lost bytes", r->m->name, old.size, r->size,
                      b->at);
}

static bool ask(const struct request *r, size_t i, struct block *b) {
    const bool resizes = r->m == &makers[REALLOC] || r->m == &makers[REALLOCARRAY];
    if (resizes && r->history == RESIZED && r->size)
        return resized(r, i, b);
    b->at = r->m->make(r->c->a, r->alignment, r->size);
    /* C17 7.22.3.1p2 lets alignments be refused, above that of all types; C11 asks for a size that
     * is a multiple */
    const bool must =
        r->size && r->alignment <= _Alignof(max_align_t) && r->size % r->alignment == 0;
    return check_that(r->c, b->at || !must, "a block",
                      "%s of %zu bytes with alignment %zu, %s, gave NULL", r->m->name, r->size,
                      r->alignment, history_name[r->history]);
}

static bool looks_right(const struct request *r, const struct block *b) {
    const size_t wanted = r->m->takes_alignment ? r->alignment : check_fundamental(r->size);
    enum { CALLOC = 1 };
    return check_that(r->c, check_alignment(b->at) >= wanted, "an address with the alignment",
                      "%s of %zu bytes with alignment %zu, %s, gave %p", r->m->name, r->size,
                      wanted, history_name[r->history], b->at) &&
           check_that(r->c, r->m != &makers[CALLOC] || is_zero(b), "all bits zero",
                      "%s of %zu bytes, %s, is not zero", r->m->name, r->size,
                      history_name[r->history]);
}

/* Blocks of requests before, which must keep their bytes and their addresses. */
enum { HELD = 64, MOST_HELD_BYTES = 256 << 10 };
static struct block held[HELD];

static bool is_apart(const struct request *r, const struct block *live, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bool apart = true;
        for (size_t k = 0; live[i].at && k < i; k++)
            apart = apart && live[i].at != live[k].at;
        for (size_t k = 0; live[i].at && k < HELD; k++)
            apart = apart && live[i].at != held[k].at;
        if (!check_that(r->c, apart && (!live[i].at || is_intact(&live[i])),
                        "a live block belongs to its owner alone",
                        "%s of %zu bytes with alignment %zu, %s, is another live block's, too",
                        r->m->name, r->size, r->alignment, history_name[r->history]))
            return false;
    }
    return true;
}

static bool let_go(struct check_run *c, struct block *b) {
    const bool good =
        check_that(c, !b->at || is_intact(b), "a live block keeps its bytes",
                   "a block of %zu bytes changed while others came and went", b->size);
    if (good)
        c->a->free(b->at);
    b->at = NULL;
    return good;
}

static bool combination(const struct request *r, struct helper_thread *helper) {
    struct block live[LIVE] = {{NULL, 0, 0}};
    const size_t count      = live_of(r);
    prepare(r, helper);
    for (size_t i = 0; i < count; i++) {
        live[i] = (struct block){NULL, r->size, check_random(r->c)};
        if (!ask(r, i, &live[i]) || (live[i].at && !looks_right(r, &live[i])))
            return false;
        if (live[i].at)
            fill(&live[i]);
    }
    if (!is_apart(r, live, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct block *place = &held[check_random(r->c) % HELD];
        const bool keep     = i == 0 && r->size + r->alignment <= MOST_HELD_BYTES;
        if (!let_go(r->c, keep ? place : &live[i]))
            return false;
        if (keep)
            *place = live[i];
    }
    return true;
}

/* --- all --- */

enum { MOST_SIZES = 512 };

/* None; the edges of eight classes in each doubling, which are those of most libraries, and pages;
 * larger powers of two: each with its neighbours. */
static size_t sizes_of(size_t *size) {
    enum { STEPS = 8, DOUBLINGS = 14, FIRST_LARGE = 128 << 10, LAST_LARGE = 4 << 20 };
    size_t n = 0;
    for (size_t small = 0; small < STEPS - 1; small++)
        size[n++] = small;
    for (unsigned shift = 0; shift < DOUBLINGS; shift++)
        for (size_t step = STEPS; step < 2 * STEPS; step++)
            for (size_t more = 0; more <= 2; more++)
                size[n++] = (step << shift) + more - 1;
    for (size_t large = FIRST_LARGE; large <= LAST_LARGE; large *= 2)
        for (size_t more = 0; more <= 2; more++) {
            size[n++] = large + more - 1;
            size[n++] = large + large / 2 + more - 1;
        }
    return n;
}

/* Of no bytes and of one, and of as many as the alignment and its neighbours, each; of others, a
 * sample. */
static bool is_always(const struct request *r) {
    const size_t above = r->size - r->alignment + 1;
    return r->size <= 1 || (r->m->takes_alignment && above <= 2);
}

static void all(struct check_run *c, size_t which) {
    static size_t size[MOST_SIZES];
    enum { SAMPLED_ALIGNED = 20, SAMPLED = 2 };
    struct helper_thread helper = {0};
    const struct maker *m       = &makers[which];
    const size_t sizes = sizes_of(size), most = m->takes_alignment ? MOST_ALIGNED : 1;
    bool good = true;
    for (size_t alignment = m->least_alignment; good && alignment <= most; alignment *= 2)
        for (size_t s = 0; good && s < sizes; s++)
            for (int history = 0; good && history < HISTORIES; history++) {
                struct request r = {c, m, alignment, size[s], (enum history)history};
                if (!is_always(&r) && !check_takes(c, most > 1 ? SAMPLED_ALIGNED : SAMPLED))
                    continue;
                good = combination(&r, &helper);
            }
    for (size_t i = 0; good && i < HELD; i++)
        good = let_go(c, &held[i]);
    if (helper_thread_end(&helper))
        check_unsupported(c, "no thread can be created");
}

#define HISTORY(function, which, kind_, profiles_, needs_, clause_)                                \
    CHECK(of_##function, .name = "history." #function, .kind = (kind_), .profiles = (profiles_),   \
          .needs = (needs_), .clause = (clause_),                                                  \
          .summary = #function ": size x alignment x what was before: aligned, apart, "            \
                               "and zero or kept where that is promised") {                        \
        all(c, which);                                                                             \
    }

HISTORY(malloc, 0, CHECK_REQUIRED, PROFILES_C, 0, "C17 7.22.3p1, 7.22.3.4p2")
HISTORY(calloc, 1, CHECK_REQUIRED, PROFILES_C, NEEDS_CALLOC, "C17 7.22.3p1, 7.22.3.2p2")
HISTORY(realloc, REALLOC, CHECK_REQUIRED, PROFILES_C, NEEDS_REALLOC, "C17 7.22.3p1, 7.22.3.5p2-3")
HISTORY(reallocarray, REALLOCARRAY, CHECK_REQUIRED, PROFILES_POSIX, NEEDS_REALLOCARRAY,
        "POSIX.1-2024 realloc, reallocarray, DESCRIPTION")
HISTORY(aligned_alloc, 4, CHECK_REQUIRED, PROFILES_C, NEEDS_ALIGNED_ALLOC,
        "C17 7.22.3p1, 7.22.3.1p2")
HISTORY(posix_memalign, 5, CHECK_REQUIRED, PROFILES_POSIX, NEEDS_POSIX_MEMALIGN,
        "POSIX.1-2024 posix_memalign, DESCRIPTION")
HISTORY(memalign, 6, CHECK_EXTENSION, PROFILE_GLIBC, NEEDS_MEMALIGN, "posix_memalign(3)")
