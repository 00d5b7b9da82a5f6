/* The page allocator against a model: an array of pages, searched from its beginning. The pages are
 * not memory: the allocator never touches them. */
#include "pagealloc.h"
#include "pagecache.h"
#include "tap.h"
#include "test_random.h"

#include <stdlib.h>

enum {
    MODEL_CHUNKS = 24, /* around the border of two regions */
    MODEL_PAGES  = MODEL_CHUNKS * CHUNK_PAGES,
};

#define BASE (((uintptr_t)7 << REGION_SHIFT) - (uintptr_t)(MODEL_CHUNKS / 2 << CHUNK_SHIFT))

enum page { ABSENT, USED, DIRTY, SCAVENGED };

static struct pagealloc p = PAGEALLOC_EMPTY;
static unsigned char model[MODEL_PAGES];
static uint64_t state = 1;

static bool is_free(size_t page) {
    return model[page] == DIRTY || model[page] == SCAVENGED;
}

static size_t model_find(size_t n) {
    size_t run = 0;
    for (size_t i = 0; i < MODEL_PAGES; i++) {
        run = is_free(i) ? run + 1 : 0;
        if (run == n)
            return i + 1 - n;
    }
    return MODEL_PAGES;
}

static size_t model_set(size_t from, size_t n, enum page to) {
    size_t scavenged = 0;
    for (size_t i = from; i < from + n; i++) {
        scavenged += model[i] == SCAVENGED;
        model[i] = (unsigned char)to;
    }
    return scavenged;
}

static uintptr_t address(size_t page) {
    return BASE + page * PAGE_BYTES;
}

static bool add_region(size_t region) {
    struct palloc_region *memory = calloc(1, sizeof *memory);
    if (memory)
        pagealloc_add_region(&p, region, memory);
    return memory != NULL;
}

/* What is allocated now, to free it again. */
static struct run { size_t from, n; } runs[MODEL_PAGES];
static size_t count;

static size_t draw_pages(void) {
    const uint64_t r = next_random(&state);
    return r % 8 == 0 ? 1 + r / 8 % 2000 : r % 8 < 3 ? 1 + r / 8 % 100 : 1 + r / 8 % 10;
}

static uint64_t noted[MODEL_PAGES / 64 + 1];

/* Of the pages that are taken, each that is dirty is noted as such, and no other. */
static bool note_is_right(size_t from, size_t n) {
    const size_t first = from % 64;
    for (size_t i = 0; i < n; i++)
        if ((noted[(first + i) / 64] >> (first + i) % 64 & 1) != (model[from + i] == DIRTY))
            return false;
    return true;
}

static bool step_alloc(void) {
    const size_t n = draw_pages(), at = model_find(n);
    size_t scavenged     = 0;
    const uintptr_t base = pagealloc_alloc_noting(&p, n, &scavenged, n % 2 ? noted : NULL);
    if (at == MODEL_PAGES)
        return base == 0;
    if (n % 2 && !note_is_right(at, n))
        return false;
    runs[count++] = (struct run){at, n};
    return base == address(at) && scavenged == model_set(at, n, USED);
}

static bool step_free(void) {
    if (!count)
        return true;
    const size_t i       = next_random(&state) % count;
    struct run r         = runs[i];
    const bool scavenged = next_random(&state) % 4 == 0;
    runs[i]              = runs[--count];
    if (r.n > 2 && next_random(&state) % 4 == 0) { /* a part of it */
        const size_t keep = 1 + next_random(&state) % (r.n - 1);
        runs[count++]     = (struct run){r.from, keep};
        r                 = (struct run){r.from + keep, r.n - keep};
    }
    pagealloc_free(&p, address(r.from), r.n, scavenged);
    model_set(r.from, r.n, scavenged ? SCAVENGED : DIRTY);
    return true;
}

static bool step_alloc_at(void) {
    const size_t from = next_random(&state) % MODEL_PAGES, n = 1 + next_random(&state) % 600;
    bool free        = from + n <= MODEL_PAGES;
    size_t scavenged = 0;
    for (size_t i = from; free && i < from + n; i++)
        free = is_free(i);
    if (pagealloc_alloc_at(&p, address(from), n, &scavenged) != free)
        return false;
    if (!free)
        return true;
    runs[count++] = (struct run){from, n};
    return scavenged == model_set(from, n, USED);
}

/* A thread's block of pages comes and goes. */
static bool step_block(void) {
    uint64_t free = 0, scavenged = 0, want_free = 0, want_scavenged = 0;
    const size_t first = model_find(1), block = first / 64 * 64;
    const uintptr_t base = pagealloc_take_block(&p, &free, &scavenged);
    if (first == MODEL_PAGES)
        return base == 0;
    for (size_t i = 0; i < 64; i++) {
        want_free |= (uint64_t)is_free(block + i) << i;
        want_scavenged |= (uint64_t)(model[block + i] == SCAVENGED) << i;
    }
    pagealloc_return_block(&p, base, free, scavenged);
    return base == address(block) && free == want_free && scavenged == want_scavenged;
}

static size_t unit(void) {
    return (size_t)1 << p.unit_shift;
}

/* A unit of pages that can go back and should: all free, and not all scavenged. */
static bool unit_is_dirty(size_t from) {
    bool dirty = false;
    for (size_t i = from; i < from + unit(); i++) {
        if (!is_free(i))
            return false;
        dirty |= model[i] == DIRTY;
    }
    return dirty;
}

static bool step_scavenge(void) {
    uintptr_t base    = 0;
    size_t top        = MODEL_PAGES;
    const size_t most = 1 + next_random(&state) % 70;
    while (top > 0 && !unit_is_dirty(top - unit()))
        top -= unit();
    const size_t n = pagealloc_take_dirty(&p, most, true, &base);
    if (n == 0)
        return top == 0;
    const size_t from = (base - BASE) / PAGE_BYTES;
    /* the highest ones, by whole units, and no unit more than asked for */
    bool good = from + n == top && n % unit() == 0 && n < most + unit();
    for (size_t i = from; i < from + n; i += unit())
        good &= unit_is_dirty(i);
    pagealloc_free(&p, base, n, true);
    model_set(from, n, SCAVENGED);
    return good;
}

static bool counts_agree(void) {
    size_t free = 0, scavenged = 0;
    for (size_t i = 0; i < MODEL_PAGES; i++) {
        free += is_free(i);
        scavenged += model[i] == SCAVENGED;
    }
    return p.free_pages == free && p.scavenged_pages == scavenged;
}

static bool grow_some(size_t *grown) {
    if (*grown == MODEL_PAGES)
        return true;
    size_t n = 1 + next_random(&state) % (2 * CHUNK_PAGES);
    n        = (n + unit() - 1) / unit() * unit(); /* the kernel maps whole ones */
    n        = n < MODEL_PAGES - *grown ? n : MODEL_PAGES - *grown;
    pagealloc_grow(&p, address(*grown), n);
    model_set(*grown, n, SCAVENGED);
    *grown += n;
    return true;
}

/* As if threads had vanished everywhere but in the bitmaps of what is in use. */
static void spoil_and_mend(void) {
    enum { ABOVE_CHUNKS = 8 + 64 + 512 };
    for (size_t r = region_of(BASE); r <= region_of(BASE) + 1; r++) {
        struct palloc_region *region = p.region[r];
        p.root[r]                    = next_random(&state);
        for (size_t i = 0; i < ABOVE_CHUNKS; i++)
            region->sum[REGION_CHUNKS + i] = next_random(&state);
        for (size_t c = 0; c < REGION_CHUNKS; c++) {
            if (!(region->known[c / 64] >> c % 64 & 1))
                continue;
            region->sum[c] = next_random(&state);
            for (unsigned w = 0; w < CHUNK_WORDS; w++)
                region->chunk[c].scavenged[w] |= region->chunk[c].used[w] & next_random(&state);
        }
        memset(region->dirty, 0, sizeof region->dirty);
    }
    p.search = p.free_pages = p.scavenged_pages = p.end_region = SIZE_MAX;
    p.dirty_end                                                = 0;
    pagealloc_mend(&p);
}

/* Is there a unit to scavenge among the first so many pages? */
static bool model_is_dirty(size_t pages) {
    for (size_t from = 0; from < pages; from += unit())
        if (unit_is_dirty(from))
            return true;
    return false;
}

/* Who looks for units to scavenge misses none. */
static bool dirty_is_noted(void) {
    for (size_t from = 0; from < MODEL_PAGES; from += unit()) {
        const size_t c = address(from) >> CHUNK_SHIFT, r = region_of(address(from));
        if (unit_is_dirty(from) &&
            (r >= p.dirty_end || !(p.region[r]->dirty[c % REGION_CHUNKS / 64] >> c % 64 & 1)))
            return false;
    }
    return true;
}

/* Each summary and count is what is told from all bits. All is as it was afterwards: what is wrong
 * must not be mended here. */
static bool summaries_agree(void) {
    static pallocsum sum[2][sizeof p.region[0]->sum / sizeof(pallocsum)];
    static uint64_t dirty[2][sizeof p.region[0]->dirty / sizeof(uint64_t)];
    static struct pagealloc was;
    const size_t first = region_of(BASE);
    memcpy(&was, &p, sizeof was);
    for (size_t r = 0; r < 2; r++) {
        memcpy(sum[r], p.region[first + r]->sum, sizeof sum[r]);
        memcpy(dirty[r], p.region[first + r]->dirty, sizeof dirty[r]);
    }
    bool good = dirty_is_noted();
    pagealloc_mend(&p);
    good &= was.free_pages == p.free_pages && was.scavenged_pages == p.scavenged_pages;
    for (size_t r = 0; r < 2; r++) {
        struct palloc_region *told = p.region[first + r];
        good &= was.root[first + r] == p.root[first + r];
        good &= memcmp(sum[r], told->sum, sizeof sum[r]) == 0;
        memcpy(told->sum, sum[r], sizeof sum[r]);
        memcpy(told->dirty, dirty[r], sizeof dirty[r]);
    }
    memcpy(&p, &was, sizeof p);
    return good;
}

/* What is wrong is seen, twice: the look does not mend it. */
static bool is_seen(void) {
    const bool once = summaries_agree(), again = summaries_agree();
    return !once && !again;
}

static void test_summaries_agree(void) {
    struct palloc_region *region = p.region[region_of(BASE)];
    uint64_t dirty[REGION_CHUNKS / 64];
    const size_t end = p.dirty_end;
    p.free_pages++;
    OK(is_seen(), "a wrong count of free pages is seen");
    p.free_pages--;
    p.scavenged_pages--;
    OK(is_seen(), "one of scavenged pages is");
    p.scavenged_pages++;
    while (count && !model_is_dirty(MODEL_PAGES / 2))
        step_free();
    memcpy(dirty, region->dirty, sizeof dirty);
    memset(region->dirty, 0, sizeof dirty);
    OK(is_seen(), "so is a dirty chunk that nobody would look at");
    memcpy(region->dirty, dirty, sizeof dirty);
    p.dirty_end = region_of(BASE);
    OK(is_seen(), "and one beyond the end");
    p.dirty_end = end;
    p.region[region_of(BASE)]->sum[0]++;
    OK(is_seen(), "and a wrong summary");
    p.region[region_of(BASE)]->sum[0]--;
    OK(summaries_agree(), "and nothing else is");
}

static void test_model(unsigned unit_shift) {
#if defined(__SANITIZE_THREAD__)
    enum { STEPS = 50000 }; /* one thread: nothing for it to find, and slow */
#else
    enum { STEPS = 250000 };
#endif
    size_t grown = 0, at = STEPS;
    p            = (struct pagealloc)PAGEALLOC_EMPTY;
    p.unit_shift = unit_shift;
    memset(model, ABSENT, sizeof model);
    OK(add_region(region_of(BASE)) && add_region(region_of(BASE) + 1), "two regions; units of %u",
       1u << unit_shift);
    for (size_t i = 0; i < STEPS && at == STEPS; i++) {
        const unsigned kind = next_random(&state) % 64;
        /* mostly full for a while, then mostly empty */
        const bool fill = i / 20000 % 2 == 0;
        if (i % 7919 == 7918)
            spoil_and_mend();
        const bool good = kind < (fill ? 30 : 22)   ? step_alloc()
                          : kind < 56               ? step_free()
                          : kind < 58               ? step_alloc_at()
                          : kind < 60               ? step_block()
                          : kind < 62               ? step_scavenge()
                          : kind < 63 && i % 8 == 0 ? grow_some(&grown)
                          : i % 512 == 0            ? counts_agree()
                                                    : true;
        if (!good || (i % 127 == 126 && !summaries_agree()))
            at = i;
    }
    IS(at, STEPS, "each of %d random operations gives what the model gives", STEPS);
    OK(counts_agree() && summaries_agree(), "the counts and summaries agree at the end");
    test_summaries_agree();
    while (count)
        step_free();
    OK(counts_agree() && model_find(grown) == 0, "all is free after all is freed");
    for (size_t step = 0; step < MODEL_PAGES;
         step++) /* each gives a page back, or there are none */
        if (p.scavenged_pages == p.free_pages || !step_scavenge())
            break;
    IS(p.scavenged_pages, grown, "and all can go back");
    free(p.region[region_of(BASE)]);
    free(p.region[region_of(BASE) + 1]);
}

static void test_fill(void) {
    unsigned wrong = 0;
    for (unsigned n = 1; n <= 64; n *= 2)
        for (unsigned i = 0; i < 20000; i++) {
            const uint64_t some = next_random(&state) << i % 40, bits = some & next_random(&state);
            uint64_t want = 0;
            for (unsigned at = 0; at < 64; at += n)
                want |= bits & bits_mask(at, n) ? bits_mask(at, n) : 0;
            wrong += bits_fill(bits, n) != want;
        }
    IS(wrong, 0, "groups are filled where one bit is set");
}

/* Against one bit after the other. */
static void test_runs(void) {
    enum { ROUNDS = 300 };
    unsigned wrong = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t bits = next_random(&state);
        for (unsigned k = 0; k < i % 6; k++) /* up to 2^-6 of them 0, so that runs are long */
            bits |= next_random(&state);
        for (unsigned n = 1; n <= 64; n++) {
            uint64_t want = 0;
            for (unsigned at = 0; at + n <= 64; at++)
                want |= (uint64_t)((~bits & bits_mask(at, n)) == 0) << at;
            wrong += bits_runs(bits, n) != want;
        }
    }
    for (unsigned n = 1; n <= 64; n++)
        wrong += bits_runs(UINT64_MAX, n) != bits_mask(0, 65 - n);
    IS(wrong, 0, "runs of set bits are found, of any length");
}

/* Runs of pages come and go in one chunk: each summary that is told from the one before is the one
 * that is told from all bits. */
static void test_summaries(void) {
    enum { ROUNDS = 20000 };
    uint64_t used[CHUNK_WORDS] = {0}, clean[CHUNK_WORDS] = {0};
    pallocsum sum        = chunk_summary(used);
    unsigned wrong_taken = 0, wrong_freed = 0, wrong_clean = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint64_t r    = next_random(&state);
        const unsigned from = r % CHUNK_PAGES, most = CHUNK_PAGES - from;
        const unsigned want = 1 + (unsigned)(r >> 32) % (r >> 20 & 1 ? CHUNK_PAGES : 40);
        const unsigned n    = want < most ? want : most;
        const unsigned has  = chunk_count(used, from, n);
        if (has == 0) {
            const unsigned all  = chunk_count(clean, 0, CHUNK_PAGES),
                           some = chunk_count(clean, from, n);
            wrong_clean += chunk_take(used, clean, from, n) != some;
            wrong_clean += chunk_count(clean, from, n) != 0 || chunk_count(used, from, n) != n;
            wrong_clean += chunk_count(clean, 0, CHUNK_PAGES) != all - some;
            sum = chunk_summary_taken(used, sum, from, n);
            wrong_taken += sum != chunk_summary(used);
        } else if (has == n) {
            chunk_clear(used, from, n);
            chunk_set(clean, from, (n + 1) / 2);
            sum = chunk_summary_freed(used, sum, from, n);
            wrong_freed += sum != chunk_summary(used);
        }
    }
    IS(wrong_taken, 0, "the summary of a chunk is right after each run that is taken");
    IS(wrong_freed, 0, "and after each that is freed");
    IS(wrong_clean, 0, "those of a run that were scavenged are counted, and are not any more");
}

static void test_whole_region(void) {
    size_t scavenged              = 0;
    const size_t all              = (size_t)1 << (REGION_SHIFT - PAGE_SHIFT);
    static struct pagealloc whole = PAGEALLOC_EMPTY;
    struct palloc_region *memory  = calloc(1, sizeof *memory);
    pagealloc_add_region(&whole, 3, memory);
    const uintptr_t base = (uintptr_t)3 << REGION_SHIFT;
    pagealloc_grow(&whole, base, all);
    OK(pagealloc_alloc(&whole, all + 1, &scavenged) == 0, "no more pages than there are");
    OK(pagealloc_alloc(&whole, all, &scavenged) == base && scavenged == all,
       "16 GiB in one piece: the number that needs a bit more");
    OK(pagealloc_alloc(&whole, 1, &scavenged) == 0, "then none is left");
    pagealloc_free(&whole, base + PAGE_BYTES, 1, false);
    OK(pagealloc_alloc(&whole, 1, &scavenged) == base + PAGE_BYTES, "but the one that is freed");
    free(memory);
}

static void test_dense(void) {
    static struct pagealloc dense = PAGEALLOC_EMPTY;
    size_t scavenged              = 0;
    uintptr_t base                = 0;
    struct palloc_region *memory  = calloc(1, sizeof *memory);
    pagealloc_add_region(&dense, 3, memory);
    const uintptr_t start = (uintptr_t)3 << REGION_SHIFT;
    pagealloc_grow(&dense, start, CHUNK_PAGES);
    pagealloc_alloc(&dense, CHUNK_PAGES, &scavenged);
    pagealloc_free(&dense, start, CHUNK_PAGES - DENSE_PAGES, false);
    IS(pagealloc_take_dirty(&dense, 64, false, &base), 0, "a dense chunk is left alone");
    IS(pagealloc_take_dirty(&dense, 64, true, &base), 16, "unless it is asked for");
    free(memory);
}

static void test_cache(void) {
    unsigned wrong = 0;
    for (unsigned i = 0; i < 200000; i++) {
        struct pagecache c = {BASE, next_random(&state) & next_random(&state) << 7, 0}, was;
        c.scavenged        = c.free & next_random(&state);
        was                = c;
        const unsigned n   = 1 + (unsigned)(next_random(&state) % 70);
        unsigned at        = 0;
        for (unsigned run = 0; at < 64 && run < n; at++)
            run = c.free >> at & 1 ? run + 1 : 0;
        unsigned run = 0;
        for (at = 0; at < 64 && run < n; at++)
            run = c.free >> at & 1 ? run + 1 : 0;
        size_t scavenged     = 0;
        const uintptr_t base = pagecache_alloc(&c, n, &scavenged);
        const uint64_t taken = run == n ? bits_mask(at - n, n) : 0;
        wrong += base != (taken ? BASE + (at - n) * (uintptr_t)PAGE_BYTES : 0) ||
                 c.free != (was.free & ~taken) || c.scavenged != (was.scavenged & ~taken) ||
                 (taken && scavenged != (size_t)__builtin_popcountll(was.scavenged & taken));
        wrong += taken && (!pagecache_free(&c, base, n) || c.free != was.free);
    }
    IS(wrong, 0, "the cache takes the lowest run that is long enough, and takes it back");
    struct pagecache c = {BASE, 0, 0};
    OK(!pagecache_free(&c, BASE - PAGE_BYTES, 1) && !pagecache_free(&c, BASE + 63 * PAGE_BYTES, 2),
       "pages outside of the block are not the cache's");
}

int main(void) {
    test_fill();
    test_runs();
    test_summaries();
    for (unsigned unit_shift = 0; unit_shift <= 6;
         unit_shift += unit_shift < 3 ? 1 + unit_shift : 3)
        test_model(unit_shift);
    test_whole_region();
    test_dense();
    test_cache();
    return tap_done();
}
