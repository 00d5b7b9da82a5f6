#include "pagealloc.h"

#include "lock.h"
#include "os.h"

#include <string.h>

enum { FAN_OUT = 8, FAN_SHIFT = 3 };

/* Pages that an entry of a level covers. */
static size_t entry_pages(unsigned level) {
    return (size_t)1 << (REGION_SHIFT - PAGE_SHIFT - FAN_SHIFT * level);
}

/* Entry `i` of a level, counted over the whole address space. The eight below one entry of the
 * level above lie side by side. */
static pallocsum *entry(struct pagealloc *p, unsigned level, size_t i) {
    static const uint16_t first[SUMMARY_LEVELS] = {0, REGION_CHUNKS + 512 + 64, REGION_CHUNKS + 512,
                                                   REGION_CHUNKS, 0};
    const unsigned shift                        = FAN_SHIFT * level;
    if (level == 0)
        return &p->root[i];
    return &p->region[i >> shift]->sum[first[level] + (i & (((size_t)1 << shift) - 1))];
}

static struct palloc_chunk *chunk_at(struct pagealloc *p, size_t c) {
    return &p->region[c / REGION_CHUNKS]->chunk[c % REGION_CHUNKS];
}

static size_t chunk_of(uintptr_t address) {
    return address >> CHUNK_SHIFT;
}

static unsigned page_in_chunk(uintptr_t address) {
    return address >> PAGE_SHIFT & (CHUNK_PAGES - 1);
}

static uintptr_t page_address(size_t chunk, unsigned page) {
    return ((uintptr_t)chunk << CHUNK_SHIFT) + ((uintptr_t)page << PAGE_SHIFT);
}

/* For each chunk that n pages from `base` touch: its number c, and that k pages from `from` on. */
#define FOR_EACH_CHUNK(base, n)                                                                    \
    size_t c = chunk_of(base), left = (n);                                                         \
    unsigned from = page_in_chunk(base), k;                                                        \
    for (; left && (k = left < CHUNK_PAGES - from ? (unsigned)left : CHUNK_PAGES - from, true);    \
         c++, left -= k, from = 0)

void pagealloc_add_region(struct pagealloc *p, size_t region, struct palloc_region *memory) {
    p->region[region] = memory;
    p->root[region]   = 0;
    if (region < p->first_region)
        p->first_region = region;
    if (region >= p->end_region)
        p->end_region = region + 1;
}

/* The summary of eight entries that cover `pages` each: less than 2^21, so none is SUM_ALL_FREE. */
static pallocsum merge(const pallocsum sum[FAN_OUT], size_t pages) {
    size_t start = SIZE_MAX, max = 0, run = 0;
#pragma GCC unroll 8
    for (unsigned i = 0; i < FAN_OUT; i++) {
        const pallocsum s   = sum[i];
        const size_t before = s & SUM_MASK, within = s >> SUM_BITS & SUM_MASK;
        run += before;
        if (before == pages)
            continue;
        start = start == SIZE_MAX ? run : start;
        max   = run > max ? run : max;
        max   = within > max ? within : max;
        run   = s >> 2 * SUM_BITS;
    }
    start = start == SIZE_MAX ? run : start;
    return sum_pack(start, run > max ? run : max, run);
}

/* What became of pages: all of them were used and are free, or the other way round, or some. */
enum change { FREED, TAKEN, SOME };

static pallocsum summary_after(enum change change, const struct palloc_chunk *chunk,
                               pallocsum before, unsigned from, unsigned n) {
    switch (change) {
    case FREED: return chunk_summary_freed(chunk->used, before, from, n);
    case TAKEN: return chunk_summary_taken(chunk->used, before, from, n);
    case SOME: break;
    }
    return chunk_summary(chunk->used);
}

/* Is `above`, which covers the changed entry and others, the same as before? It is if its longest
 * run was not in that entry, and no longer one is now. For a run from beyond the entry takes part
 * in it by its start or its end. (Of several entries that changed, each did so at one of them.) */
static bool stays(pallocsum above, pallocsum before, pallocsum after) {
    return sum_max(before) < sum_max(above) && sum_max(after) <= sum_max(above) &&
           sum_start(before) == sum_start(after) && sum_end(before) == sum_end(after);
}

/* Brings the summaries up to date with the bitmaps of n pages from `base` on; stops climbing where
 * nothing changes. */
static void update(struct pagealloc *p, uintptr_t base, size_t n, enum change change) {
    size_t first = chunk_of(base), last = chunk_of(base + n * PAGE_BYTES - 1);
    bool changed     = false;
    pallocsum before = 0, after = 0; /* of the last one looked at */
    FOR_EACH_CHUNK(base, n) {
        pallocsum *const at = entry(p, SUMMARY_LEVELS - 1, c);
        before              = *at;
        *at = after = summary_after(change, chunk_at(p, c), before, from, k);
        changed |= before != after;
    }
#pragma GCC unroll 4 /* so that what an entry's address needs of its level is constant */
    for (unsigned level = SUMMARY_LEVELS - 1; level > 0; level--) {
        if (!changed)
            return;
        changed = false;
        first >>= FAN_SHIFT;
        last >>= FAN_SHIFT;
        for (size_t i = first; i <= last; i++) {
            pallocsum *const at = entry(p, level - 1, i);
            if (stays(*at, before, after))
                return;
            before = *at;
            *at = after = merge(entry(p, level, i << FAN_SHIFT), entry_pages(level));
            changed |= before != after;
        }
    }
}

void pagealloc_grow(struct pagealloc *p, uintptr_t base, size_t n) {
    FOR_EACH_CHUNK(base, n) {
        struct palloc_region *r   = p->region[c / REGION_CHUNKS];
        struct palloc_chunk *grow = chunk_at(p, c);
        uint64_t *known           = &r->known[c % REGION_CHUNKS / 64];
        if (!(*known >> c % 64 & 1))
            memset(grow->used, 0xff, sizeof grow->used);
        lock_in_order();
        *known |= (uint64_t)1 << c % 64;
        chunk_clear(grow->used, from, k);
        chunk_set(grow->scavenged, from, k);
    }
    p->free_pages += n;
    p->scavenged_pages += n;
    if (base < p->search)
        p->search = base;
    update(p, base, n, SOME);
}

/* The notes of pagealloc_alloc_noting, taken from the bits that `take` is about to clear. */
static void note_dirty(struct pagealloc *p, uintptr_t base, size_t n, uint64_t *dirty) {
    FOR_EACH_CHUNK(base, n) {
        const struct palloc_chunk *chunk = chunk_at(p, c);
        for (unsigned w = from / 64; w <= (from + k - 1) / 64; w++)
            *dirty++ = ~chunk->scavenged[w];
    }
}

/* Marks n free pages as used; returns how many of them were scavenged. */
static size_t take(struct pagealloc *p, uintptr_t base, size_t n) {
    size_t scavenged = 0;
    FOR_EACH_CHUNK(base, n) {
        struct palloc_chunk *chunk = chunk_at(p, c);
        scavenged += chunk_take(chunk->used, chunk->scavenged, from, k);
    }
    p->free_pages -= n;
    p->scavenged_pages -= scavenged;
    update(p, base, n, TAKEN);
    return scavenged;
}

static void mend_chunk(struct pagealloc *p, size_t c) {
    struct palloc_region *r = p->region[c / REGION_CHUNKS];
    const uint64_t bit      = (uint64_t)1 << c % 64;
    size_t free = 0, clean = 0;
    if (!(r->known[c % REGION_CHUNKS / 64] & bit))
        return;
    struct palloc_chunk *chunk = chunk_at(p, c);
    for (unsigned w = 0; w < CHUNK_WORDS; w++) {
        chunk->scavenged[w] &= ~chunk->used[w];
        free += (size_t)__builtin_popcountll(~chunk->used[w]);
        clean += (size_t)__builtin_popcountll(chunk->scavenged[w]);
    }
    if (free > clean)
        r->dirty[c % REGION_CHUNKS / 64] |= bit;
    p->free_pages += free;
    p->scavenged_pages += clean;
    *entry(p, SUMMARY_LEVELS - 1, c) = chunk_summary(chunk->used);
}

void pagealloc_mend(struct pagealloc *p) {
    p->search = p->free_pages = p->scavenged_pages = 0;
    p->first_region                                = REGIONS;
    p->end_region                                  = 0;
    p->dirty_end                                   = REGIONS;
    for (size_t r = 0; r < REGIONS; r++) {
        if (!p->region[r])
            continue;
        if (r < p->first_region)
            p->first_region = r;
        p->end_region = r + 1;
        for (size_t c = r * REGION_CHUNKS; c < (r + 1) * REGION_CHUNKS; c++)
            mend_chunk(p, c);
        for (unsigned level = SUMMARY_LEVELS - 1; level > 0; level--) {
            const size_t n = (size_t)1 << FAN_SHIFT * (level - 1);
            for (size_t i = r * n; i < (r + 1) * n; i++)
                *entry(p, level - 1, i) =
                    merge(entry(p, level, i << FAN_SHIFT), entry_pages(level));
        }
    }
}

/* The narrowest part of the address space that is known to hold the first free page. */
struct first_free {
    uintptr_t base, last;
};

static void narrow(struct first_free *f, uintptr_t base, size_t pages) {
    const uintptr_t last = base + (pages << PAGE_SHIFT) - 1;
    if (f->base <= base && last <= f->last)
        *f = (struct first_free){base, last};
}

/* Begins with the chunk of the search address and goes on to the end of the eight that it is one
 * of, then so on the level above. From an entry that has room it goes down again. It carries the
 * run of free pages that ends where the next entry begins. Ends at an address, or in a chunk that
 * has room. (Go looks at that one chunk, and then begins at the root.) */
static uintptr_t find(struct pagealloc *p, size_t n, struct first_free *first) {
    const size_t region = region_of(p->search);
    unsigned level      = region < REGIONS && p->region[region] ? SUMMARY_LEVELS - 1 : 0;
    size_t i            = level ? chunk_of(p->search) : p->first_region;
    if (!level && region > i)
        i = region;
    for (size_t run = 0;;) {
        const size_t pages   = entry_pages(level);
        const unsigned shift = REGION_SHIFT - FAN_SHIFT * level;
        const size_t end     = level ? (i | (FAN_OUT - 1)) + 1 : p->end_region;
        const pallocsum *sum = i < end ? entry(p, level, i) : NULL;
        for (; i < end; i++) {
            const pallocsum here = *sum++;
            if (here == 0) {
                run = 0;
                continue;
            }
            const uintptr_t base = (uintptr_t)i << shift;
            const size_t start   = sum_start(here);
            narrow(first, base, pages);
            if (run + start >= n)
                return base - run * PAGE_BYTES;
            if (sum_max(here) >= n)
                break;
            run = start == pages ? run + pages : sum_end(here);
        }
        if (i < end && level == SUMMARY_LEVELS - 1)
            break;
        if (i < end) {
            i <<= FAN_SHIFT;
            level++;
            run = 0; /* with it, there is no room where the entry starts */
            continue;
        }
        do {
            if (level == 0)
                return 0;
            i >>= FAN_SHIFT;
            level--;
        } while (level && i % FAN_OUT == 0);
    }
    struct palloc_chunk *chunk = chunk_at(p, i);
    const int page             = chunk_find(chunk->used, n);
    if (page < 0)
        os_die("page summaries and bitmaps disagree", os_pointer(page_address(i, 0)));
    if (first->base == page_address(i, 0)) /* no chunk before it has a free page */
        narrow(first, page_address(i, (unsigned)chunk_find(chunk->used, 1)), 1);
    return page_address(i, (unsigned)page);
}

uintptr_t pagealloc_alloc_noting(struct pagealloc *p, size_t n, size_t *scavenged,
                                 uint64_t *dirty) {
    struct first_free first = {0, UINTPTR_MAX};
    if (n > p->free_pages)
        return 0;
    const uintptr_t base = find(p, n, &first);
    if (first.base > p->search)
        p->search = first.base;
    if (base == 0) {
        if (n == 1)
            p->search = UINTPTR_MAX;
        return 0;
    }
    if (dirty)
        note_dirty(p, base, n, dirty);
    *scavenged = take(p, base, n);
    return base;
}

uintptr_t pagealloc_alloc(struct pagealloc *p, size_t n, size_t *scavenged) {
    return pagealloc_alloc_noting(p, n, scavenged, NULL);
}

bool pagealloc_alloc_at(struct pagealloc *p, uintptr_t base, size_t n, size_t *scavenged) {
    FOR_EACH_CHUNK(base, n) {
        const struct palloc_region *r =
            c / REGION_CHUNKS < REGIONS ? p->region[c / REGION_CHUNKS] : NULL;
        if (!r || !(r->known[c % REGION_CHUNKS / 64] >> c % 64 & 1) ||
            chunk_count(r->chunk[c % REGION_CHUNKS].used, from, k))
            return false;
    }
    *scavenged = take(p, base, n);
    return true;
}

/* The scavenger will look at the chunk again. Where pages go back by units, a scavenged page that
 * becomes free may be what its dirty neighbours have waited for. */
static void freed_in(struct pagealloc *p, size_t c, bool dirty) {
    const size_t r = c / REGION_CHUNKS;
    if (!dirty && !p->unit_shift)
        return;
    p->region[r]->dirty[c % REGION_CHUNKS / 64] |= (uint64_t)1 << c % 64;
    p->dirty_end = r < p->dirty_end ? p->dirty_end : r + 1;
}

void pagealloc_free(struct pagealloc *p, uintptr_t base, size_t n, bool scavenged) {
    if (base < p->search)
        p->search = base;
    FOR_EACH_CHUNK(base, n) {
        chunk_clear(chunk_at(p, c)->used, from, k);
        if (scavenged)
            chunk_set(chunk_at(p, c)->scavenged, from, k);
        freed_in(p, c, !scavenged);
    }
    p->free_pages += n;
    p->scavenged_pages += scavenged ? n : 0;
    update(p, base, n, FREED);
}

uintptr_t pagealloc_take_block(struct pagealloc *p, uint64_t *free, uint64_t *scavenged) {
    struct first_free first = {0, UINTPTR_MAX};
    const uintptr_t page    = p->free_pages ? find(p, 1, &first) : 0;
    if (page == 0) {
        p->search = UINTPTR_MAX;
        return 0;
    }
    struct palloc_chunk *chunk = chunk_at(p, chunk_of(page));
    const unsigned word        = page_in_chunk(page) / 64;
    *free                      = ~chunk->used[word];
    *scavenged                 = chunk->scavenged[word] & *free;
    chunk->used[word]          = ~(uint64_t)0;
    chunk->scavenged[word]     = 0;
    p->free_pages -= (size_t)__builtin_popcountll(*free);
    p->scavenged_pages -= (size_t)__builtin_popcountll(*scavenged);
    const uintptr_t base = page_address(chunk_of(page), word * 64);
    p->search            = base + 63 * PAGE_BYTES;
    update(p, base, 64, SOME);
    return base;
}

void pagealloc_return_block(struct pagealloc *p, uintptr_t base, uint64_t free,
                            uint64_t scavenged) {
    if (!free)
        return;
    const size_t c             = chunk_of(base);
    struct palloc_chunk *chunk = chunk_at(p, c);
    const unsigned word        = page_in_chunk(base) / 64;
    chunk->used[word] &= ~free;
    chunk->scavenged[word] |= scavenged;
    p->free_pages += (size_t)__builtin_popcountll(free);
    p->scavenged_pages += (size_t)__builtin_popcountll(scavenged);
    freed_in(p, c, free & ~scavenged);
    if (base < p->search)
        p->search = base;
    update(p, base, 64, SOME);
}

/* The highest dirty pages in one word of a chunk, at most `most` in a row. They are whole units, of
 * which each has a dirty page and none has a used one. Go leaves alone a unit with a scavenged
 * page; here such a page goes back once more, or a page beside fresh ones never would. */
static size_t dirty_run(const struct palloc_chunk *chunk, size_t most, unsigned unit,
                        unsigned *page) {
    for (unsigned w = CHUNK_WORDS; w-- > 0;) {
        const uint64_t free  = ~bits_fill(chunk->used[w], unit);
        const uint64_t dirty = bits_fill(~chunk->used[w] & ~chunk->scavenged[w], unit) & free;
        if (!dirty)
            continue;
        const unsigned top   = 63 - (unsigned)__builtin_clzll(dirty);
        const uint64_t above = dirty << (63 - top); /* the run's top is bit 63 now */
        unsigned run         = ~above ? (unsigned)__builtin_clzll(~above) : 64;
        run                  = run < most ? run : (unsigned)most;
        *page                = w * 64 + top + 1 - run;
        return run;
    }
    return 0;
}

size_t pagealloc_take_dirty(struct pagealloc *p, size_t most, bool dense, uintptr_t *base) {
    const unsigned unit = 1u << p->unit_shift;
    most                = most < CHUNK_PAGES ? (most + unit - 1) & -(size_t)unit : CHUNK_PAGES;
    for (size_t r = p->dirty_end; r-- > p->first_region;) {
        struct palloc_region *region = p->region[r];
        uint64_t some                = 0;
        for (size_t w = REGION_CHUNKS / 64; region && w-- > 0;) {
            for (uint64_t left = region->dirty[w]; left;) {
                const unsigned bit         = 63 - (unsigned)__builtin_clzll(left);
                struct palloc_chunk *chunk = &region->chunk[w * 64 + bit];
                unsigned page;
                left &= ~((uint64_t)1 << bit);
                if (!dense && chunk_count(chunk->used, 0, CHUNK_PAGES) >= DENSE_PAGES)
                    continue;
                const size_t n = dirty_run(chunk, most, unit, &page);
                if (n) {
                    *base = page_address(r * REGION_CHUNKS + w * 64 + bit, page);
                    take(p, *base, n);
                    return n;
                }
                region->dirty[w] &= ~((uint64_t)1 << bit);
            }
            some |= region->dirty[w];
        }
        if (!some && p->dirty_end == r + 1)
            p->dirty_end = r;
    }
    return 0;
}
