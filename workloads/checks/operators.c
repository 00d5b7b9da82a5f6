/* C++'s operator new and operator delete as the process has them, called by their mangled names
 * (Itanium C++ ABI), for a cell has no C++ in it. They count for an allocator that defines them,
 * and for one over whose malloc the C++ runtime's stand. Clauses are of C++17, ISO/IEC 14882:2017.
 */
#include "operators.h"
#include "owner_of.h"

#include <stdlib.h>
#include <string.h>

#if __SIZEOF_SIZE_T__ == __SIZEOF_INT__
#define Z "j"
#else
#define Z "m"
#endif
#define WEAK(name) __asm__(name) __attribute__((weak))

/* NOTHROW stands for a reference to std::nothrow, of which nothing is ever read. */
static const char nothrow_object;
#define NOTHROW (&nothrow_object)

extern void *new_one(size_t) WEAK("_Znw" Z);
extern void *new_array(size_t) WEAK("_Zna" Z);
extern void *new_one_nothrow(size_t, const void *) WEAK("_Znw" Z "RKSt9nothrow_t");
extern void *new_array_nothrow(size_t, const void *) WEAK("_Zna" Z "RKSt9nothrow_t");
extern void *new_one_aligned(size_t, size_t) WEAK("_Znw" Z "St11align_val_t");
extern void *new_array_aligned(size_t, size_t) WEAK("_Zna" Z "St11align_val_t");
extern void *new_one_aligned_nothrow(size_t, size_t, const void *)
    WEAK("_Znw" Z "St11align_val_tRKSt9nothrow_t");
extern void *new_array_aligned_nothrow(size_t, size_t, const void *)
    WEAK("_Zna" Z "St11align_val_tRKSt9nothrow_t");
extern void delete_one(void *) WEAK("_ZdlPv");
extern void delete_array(void *) WEAK("_ZdaPv");
extern void delete_one_sized(void *, size_t) WEAK("_ZdlPv" Z);
extern void delete_array_sized(void *, size_t) WEAK("_ZdaPv" Z);
extern void delete_one_nothrow(void *, const void *) WEAK("_ZdlPvRKSt9nothrow_t");
extern void delete_array_nothrow(void *, const void *) WEAK("_ZdaPvRKSt9nothrow_t");
extern void delete_one_aligned(void *, size_t) WEAK("_ZdlPvSt11align_val_t");
extern void delete_array_aligned(void *, size_t) WEAK("_ZdaPvSt11align_val_t");
extern void delete_one_sized_aligned(void *, size_t, size_t) WEAK("_ZdlPv" Z "St11align_val_t");
extern void delete_array_sized_aligned(void *, size_t, size_t) WEAK("_ZdaPv" Z "St11align_val_t");
extern void delete_one_aligned_nothrow(void *, size_t, const void *)
    WEAK("_ZdlPvSt11align_val_tRKSt9nothrow_t");
extern void delete_array_aligned_nothrow(void *, size_t, const void *)
    WEAK("_ZdaPvSt11align_val_tRKSt9nothrow_t");

/* --- the forms, in one shape --- */

enum { PLAIN, SIZED, NOTHROWING, WAYS };

#define F(text, symbol)                                                                            \
    { text, (const void *)(symbol) }

const struct operator* operator_new(int kind, bool aligned, int quiet) {
    static const struct operator all[KINDS][2][2] = {
        {{F("new(size)", new_one), F("new(size, nothrow)", new_one_nothrow)},
         {F("new(size, alignment)", new_one_aligned),
          F("new(size, alignment, nothrow)", new_one_aligned_nothrow)}},
        {{F("new[](size)", new_array), F("new[](size, nothrow)", new_array_nothrow)},
         {F("new[](size, alignment)", new_array_aligned),
          F("new[](size, alignment, nothrow)", new_array_aligned_nothrow)}},
    };
    return &all[kind][aligned][quiet];
}

/* [kind][aligned][way] */
static const struct operator* deletes(int kind, bool aligned, int way) {
    static const struct operator all[KINDS][2][WAYS] = {
        {{F("delete(p)", delete_one), F("delete(p, size)", delete_one_sized),
          F("delete(p, nothrow)", delete_one_nothrow)},
         {F("delete(p, alignment)", delete_one_aligned),
          F("delete(p, size, alignment)", delete_one_sized_aligned),
          F("delete(p, alignment, nothrow)", delete_one_aligned_nothrow)}},
        {{F("delete[](p)", delete_array), F("delete[](p, size)", delete_array_sized),
          F("delete[](p, nothrow)", delete_array_nothrow)},
         {F("delete[](p, alignment)", delete_array_aligned),
          F("delete[](p, size, alignment)", delete_array_sized_aligned),
          F("delete[](p, alignment, nothrow)", delete_array_aligned_nothrow)}},
    };
    return &all[kind][aligned][way];
}

/* Of what operator_offered() or operator_serves() found; the analyser takes a weak function for
 * absent. */
/* NOLINTBEGIN(clang-analyzer-core.CallAndMessage) */
void *operator_make(int kind, int quiet, size_t alignment, size_t size) {
    if (kind == ONE && !alignment)
        return quiet ? new_one_nothrow(size, NOTHROW) : new_one(size);
    if (kind == ONE)
        return quiet ? new_one_aligned_nothrow(size, alignment, NOTHROW)
                     : new_one_aligned(size, alignment);
    if (!alignment)
        return quiet ? new_array_nothrow(size, NOTHROW) : new_array(size);
    return quiet ? new_array_aligned_nothrow(size, alignment, NOTHROW)
                 : new_array_aligned(size, alignment);
}

static void release(int kind, int way, void *block, size_t alignment, size_t size) {
    const bool one = kind == ONE;
    if (alignment)
        switch (way) {
        case PLAIN: (one ? delete_one_aligned : delete_array_aligned)(block, alignment); return;
        case SIZED:
            (one ? delete_one_sized_aligned : delete_array_sized_aligned)(block, size, alignment);
            return;
        default:
            (one ? delete_one_aligned_nothrow : delete_array_aligned_nothrow)(block, alignment,
                                                                              NOTHROW);
            return;
        }
    switch (way) {
    case PLAIN: (one ? delete_one : delete_array)(block); return;
    case SIZED: (one ? delete_one_sized : delete_array_sized)(block, size); return;
    default: (one ? delete_one_nothrow : delete_array_nothrow)(block, NOTHROW); return;
    }
}
/* NOLINTEND(clang-analyzer-core.CallAndMessage) */

/* --- whose they are --- */

bool operator_serves(const struct check_run *c, const struct operator* f) {
    const char *of = owner_of(f->is), *runtime = owner_name(of);
    return owner_is_allocator(c, of) ||
           ((strncmp(runtime, "libstdc++", 9) == 0 || strncmp(runtime, "libc++", 6) == 0) &&
            owner_is_allocator(c, owner_of((const void *)malloc)));
}

bool operator_offered(struct check_run *c, const struct operator* f) {
    if (!f->is)
        check_unsupported(c, "nothing in this process defines operator %s", f->name);
    else if (!operator_serves(c, f))
        check_unsupported(c, "operator %s is of %s, over the malloc of %s", f->name,
                          owner_name(owner_of(f->is)), owner_name(owner_of((const void *)malloc)));
    return f->is && operator_serves(c, f);
}

CHECK(provider, .name = "operators.provider", .kind = CHECK_CHOICE, .process = PROCESS_CXX,
      .profiles = PROFILE_CXX17, .clause = "C++17 20.5.4.6 [replacement.functions]",
      .summary = "who defines operator new: the allocator, or the C++ runtime over its malloc") {
    const struct operator* f = operator_new(ONE, false, THROWING);
    if (operator_offered(c, f))
        check_choice(c,
                     owner_is_allocator(c, owner_of(f->is)) ? "own" : owner_name(owner_of(f->is)));
}

/* --- blocks --- */

/* Blocks of each size by each form that makes them, freed in one way: their bytes, their alignment,
 * and those of their neighbours. Which extended alignments there are is implementation-defined,
 * C++17 6.11p3 [basic.align]: a form that cannot throw may refuse them by NULL. */
static bool round_trip(struct check_run *c, int kind, int quiet, int way, size_t alignment,
                       size_t size) {
    enum { LIVE = 5 };
    void *block[LIVE];
    const struct operator* m  = operator_new(kind, alignment, quiet),
                           *d = deletes(kind, alignment, way);
    for (size_t i = 0; i < LIVE; i++) {
        block[i] = operator_make(kind, quiet, alignment, size);
        if (!block[i] && quiet && alignment > _Alignof(max_align_t)) {
            check_tell(c, "not supported: operator %s of %zu bytes, alignment %zu", m->name, size,
                       alignment);
            while (i > 0)
                release(kind, way, block[--i], alignment, size);
            return true;
        }
        if (!check_that(c, block[i] != NULL, "a pointer that is not null",
                        "operator %s of %zu bytes gave NULL", m->name, size) ||
            !check_that(c, !alignment || check_alignment(block[i]) >= alignment,
                        "storage that is aligned as asked",
                        "operator %s of %zu bytes, alignment %zu, gave %p", m->name, size,
                        alignment, block[i]))
            return false;
        contents_fill(block[i], size, i);
    }
    for (size_t i = 0; i < LIVE; i++) {
        if (!check_that(c, contents_intact(block[i], size, i) == size,
                        "a live block belongs to its owner alone",
                        "a block of %zu bytes, alignment %zu, from operator %s changed while "
                        "others were freed by operator %s",
                        size, alignment, m->name, d->name))
            return false;
        release(kind, way, block[i], alignment, size);
    }
    return true;
}

static bool all_sizes(struct check_run *c, int kind, int quiet, int way, size_t alignment) {
    for (size_t size = 1; size < 300000; size = size * 2 + size / 3)
        if (!round_trip(c, kind, quiet, way, alignment, size))
            return false;
    return true;
}

/* Every form that is there: new and new[], throwing and not, freed in one way. */
static void forms(struct check_run *c, bool aligned, int way) {
    bool any = false;
    for (int kind = ONE; kind < KINDS; kind++)
        for (int quiet = THROWING; quiet <= QUIET; quiet++) {
            const struct operator* m  = operator_new(kind, aligned, quiet),
                                   *d = deletes(kind, aligned, way);
            if (!operator_serves(c, m) || !operator_serves(c, d)) {
                check_tell(c, "not supported: operator %s with operator %s", m->name, d->name);
                continue;
            }
            any = true;
            if (!aligned && !all_sizes(c, kind, quiet, way, 0))
                return;
            for (size_t alignment = 16; aligned && alignment <= 1 << 16; alignment *= 2)
                if (!all_sizes(c, kind, quiet, way, alignment))
                    return;
        }
    if (!any && operator_offered(c, operator_new(ONE, aligned, THROWING)))
        operator_offered(c, deletes(ONE, aligned, way));
}

CHECK(plain, .name = "operators.new", .kind = CHECK_REQUIRED, .process = PROCESS_CXX,
      .profiles = PROFILE_CXX17,
      .clause   = "C++17 6.7.4.1p2, 21.6.2.1p1-12 [new.delete.single], 21.6.2.2 [new.delete.array]",
      .summary  = "new, new[], nothrow, freed by delete: disjoint blocks that keep their bytes") {
    forms(c, false, PLAIN);
}

CHECK(sized, .name = "operators.sized_delete", .kind = CHECK_REQUIRED, .process = PROCESS_CXX,
      .profiles = PROFILE_CXX17,
      .clause   = "C++17 21.6.2.1p11 [new.delete.single], 21.6.2.2p10 [new.delete.array]",
      .summary  = "blocks of every form of new, freed by delete with their size") {
    forms(c, false, SIZED);
}

CHECK(quietly, .name = "operators.nothrow_delete", .kind = CHECK_REQUIRED, .process = PROCESS_CXX,
      .profiles = PROFILE_CXX17,
      .clause   = "C++17 21.6.2.1p18-21 [new.delete.single], 21.6.2.2p12-14 [new.delete.array]",
      .summary  = "blocks of every form of new, freed by delete with nothrow") {
    forms(c, false, NOTHROWING);
}

CHECK(aligned, .name = "operators.aligned", .kind = CHECK_REQUIRED, .process = PROCESS_CXX,
      .profiles = PROFILE_CXX17,
      .clause   = "C++17 6.7.4.1p2, 21.6.2.1p1-12 [new.delete.single], 21.6.2.2 [new.delete.array]",
      .summary  = "aligned new of 16 B to 64 KiB, all sizes, freed by aligned delete") {
    forms(c, true, PLAIN);
}

CHECK(
    aligned_sized, .name = "operators.aligned_sized_delete", .kind = CHECK_REQUIRED,
    .process = PROCESS_CXX, .profiles = PROFILE_CXX17,
    .clause  = "C++17 21.6.2.1p11 [new.delete.single]; mimalloc issue 1400: 8 B at 16 KiB",
    .summary = "aligned new of 16 B to 64 KiB, all sizes, freed by aligned delete with the size") {
    forms(c, true, SIZED);
}

CHECK(aligned_quietly, .name = "operators.aligned_nothrow_delete", .kind = CHECK_REQUIRED,
      .process = PROCESS_CXX, .profiles = PROFILE_CXX17,
      .clause  = "C++17 21.6.2.1p18-21 [new.delete.single], 21.6.2.2p12-14 [new.delete.array]",
      .summary = "aligned new of 16 B to 64 KiB, freed by aligned delete with nothrow") {
    forms(c, true, NOTHROWING);
}

/* An object's size is a multiple of its alignment. So what a request of `size` bytes may be for
 * needs no more than the largest power of two that divides the size. The value of
 * __STDCPP_DEFAULT_NEW_ALIGNMENT__ is the alignment of max_align_t with gcc and clang. */
CHECK(default_alignment, .name = "operators.default_alignment", .kind = CHECK_REQUIRED,
      .process = PROCESS_CXX, .profiles = PROFILE_CXX17,
      .clause = "C++17 6.7.4.1p2 [basic.stc.dynamic.allocation], 19.8p2 [cpp.predefined]; CWG 2236",
      .summary = "new suits every object of its size up to __STDCPP_DEFAULT_NEW_ALIGNMENT__") {
    for (int kind = ONE; kind < KINDS; kind++) {
        const struct operator* f = operator_new(kind, false, THROWING);
        if (!operator_offered(c, f) || !operator_offered(c, deletes(kind, false, PLAIN)))
            return;
        for (size_t size = 1; size < 70000; size += 1 + size / 50) {
            const size_t divides = size & -size;
            void *block          = operator_make(kind, THROWING, 0, size);
            MUST(c,
                 check_alignment(block) >=
                     (divides < _Alignof(max_align_t) ? divides : _Alignof(max_align_t)),
                 "storage aligned for an object of its size", "operator %s of %zu bytes gave %p",
                 f->name, size, block);
            release(kind, PLAIN, block, 0, size);
        }
    }
}

/* --- nothing at all --- */

/* Many at once: each a pointer of its own, and the blocks beside them are not touched. */
static void zero(struct check_run *c, size_t alignment, int way) {
    enum { MANY = 300, SMALL = 24 };
    static void *empty[MANY], *full[MANY];
    for (int kind = ONE; kind < KINDS; kind++) {
        const struct operator* f = operator_new(kind, alignment, THROWING);
        if (!operator_offered(c, f) || !operator_offered(c, deletes(kind, alignment, way)))
            return;
        for (size_t i = 0; i < MANY; i++) {
            empty[i] = operator_make(kind, THROWING, alignment, 0);
            full[i]  = c->a->malloc(SMALL);
            MUST(c, empty[i] && full[i], "a pointer that is not null",
                 "operator %s of 0 bytes gave %p, malloc(%d) gave %p", f->name, empty[i], SMALL,
                 full[i]);
            MUST(c, check_alignment(empty[i]) >= alignment, "storage with the alignment",
                 "operator %s of 0 bytes, alignment %zu, gave %p", f->name, alignment, empty[i]);
            contents_fill(full[i], SMALL, i);
            for (size_t k = 0; k < i; k++)
                MUST(c, empty[k] != empty[i], "different from any value returned before",
                     "operator %s of 0 bytes gave %p twice", f->name, empty[i]);
        }
        for (size_t i = 0; i < MANY; i++) {
            release(kind, way, empty[i], alignment, 0);
            empty[i] = c->a->malloc(SMALL);
            if (empty[i])
                contents_fill(empty[i], SMALL, MANY + i);
        }
        for (size_t i = 0; i < MANY; i++) {
            MUST(c,
                 contents_intact(full[i], SMALL, i) == SMALL && empty[i] &&
                     contents_intact(empty[i], SMALL, MANY + i) == SMALL,
                 "a live block belongs to its owner alone",
                 "blocks changed, or did not come, after %d of operator %s of 0 bytes were freed "
                 "by operator %s",
                 MANY, f->name, deletes(kind, alignment, way)->name);
            c->a->free(full[i]);
            c->a->free(empty[i]);
        }
    }
}

CHECK(zero_size, .name = "operators.zero_size", .kind = CHECK_REQUIRED, .process = PROCESS_CXX,
      .profiles = PROFILE_CXX17,
      .clause   = "C++17 6.7.4.1p2: non-null, different from any previously returned value",
      .summary  = "new of 0 bytes gives a pointer of its own; sized delete takes it") {
    zero(c, 0, SIZED);
}

CHECK(zero_size_aligned, .name = "operators.zero_size_aligned", .kind = CHECK_REQUIRED,
      .process = PROCESS_CXX, .profiles = PROFILE_CXX17,
      .clause = "C++17 6.7.4.1p2, 21.6.2.1p1; jemalloc pull request 2991: it corrupts the heap",
      .summary =
          "aligned new of 0 bytes gives an aligned pointer of its own; sized delete takes it") {
    for (size_t alignment = 16; alignment <= 4096 && c->verdict == CHECK_PASS; alignment *= 4)
        zero(c, alignment, SIZED);
}

CHECK(delete_null, .name = "operators.delete_null", .kind = CHECK_REQUIRED, .process = PROCESS_CXX,
      .profiles = PROFILE_CXX17, .clause = "C++17 6.7.4.2p3 [basic.stc.dynamic.deallocation]",
      .summary = "delete of a null pointer does nothing, in every form") {
    enum { SIZE = 64, ALIGNED = 32 };
    if (!operator_offered(c, operator_new(ONE, false, THROWING)) ||
        !operator_offered(c, deletes(ONE, false, PLAIN)))
        return;
    for (int kind = ONE; kind < KINDS; kind++)
        for (int way = PLAIN; way < WAYS; way++)
            for (int is_aligned = 0; is_aligned < 2; is_aligned++) {
                const struct operator* d = deletes(kind, is_aligned, way);
                if (!operator_serves(c, d)) {
                    check_tell(c, "not supported: operator %s", d->name);
                    continue;
                }
                release(kind, way, NULL, is_aligned ? ALIGNED : 0, SIZE);
                void *one = new_one(SIZE), *two = new_one(SIZE);
                MUST(c, one != two, "no effect", "operator %s took NULL for a block", d->name);
                delete_one(one);
                delete_one(two);
            }
}
