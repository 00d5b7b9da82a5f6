#include "split.h"

#include "known.h"
#include "sampled.h"
#include "tally.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PAGE         = 4096,
    HUGE_PAGE    = 2 << 20,
    MOST_GUARD   = 64 << 10, /* below a thread's stack */
    ARENA_SHIFT  = 26,       /* glibc aligns the heaps of its arenas to 64 MiB (malloc/arena.c) */
    MOST_ARENAS  = 1024,
    MOST_CHUNKS  = 32,        /* huge pages that are looked into */
    CHUNK_LOOKS  = 16,        /* pages of each */
    TOUCH_LARGE  = 128 << 10, /* of smaller blocks of the sample, fewer are looked at */
    TOUCH_BLOCKS = 4096,
    TOUCH_SMALL  = 1024,
};

struct taking {
    const struct why_shared *book;
    const struct mappings *maps;
    struct split *split;
    pid_t pid;
    int pagemap;
    struct sampled *sampled;
    uint64_t *region; /* those that the book has */
    unsigned regions;
    uint64_t arena[MOST_ARENAS];
    int64_t huge_in_live, huge_in_free, huge_outside;
    unsigned looked, zero, zero_live; /* pages of huge pages */
};

/* --- what a mapping is ---------------------------------------------------------------------------
 */

static bool is_glibc(const struct taking *t) {
    const char *slash                   = strrchr(t->book->object, '/');
    const struct known_allocator *known = known_by_object(slash ? slash + 1 : t->book->object);
    return known && strcmp(known->name, "glibc") == 0;
}

static bool is_arena(const struct taking *t, const struct mapping *m) {
    return is_glibc(t) && (m->start & ((UINT64_C(1) << ARENA_SHIFT) - 1)) == 0 &&
           m->end - m->start <= UINT64_C(64) << ARENA_SHIFT;
}

/* Pages of the book that nobody wrote to are not made by looking at them. */
static void read_regions(struct taking *t) {
    enum { ON_PAGE = PRESENT_PAGE / sizeof t->book->region[0] };
    unsigned char present[sizeof t->book->region / PRESENT_PAGE];
    mappings_present(t->book->region, sizeof t->book->region, present);
    for (unsigned i = 0; i < WHY_REGIONS; i++) {
        const uint64_t seen = present[i / ON_PAGE]
                                  ? atomic_load_explicit(&t->book->region[i], memory_order_relaxed)
                                  : 0;
        if (seen)
            t->region[t->regions++] = seen;
    }
}

static bool has_blocks(const struct taking *t, const struct mapping *m) {
    if (is_arena(t, m))
        return true;
    for (unsigned i = 0; i < t->regions; i++) {
        const uint64_t seen = t->region[i], base = seen >> 16 << 20;
        if (base + (seen >> 8 & 255) * PAGE < m->end &&
            base + (seen & 255) * PAGE + PAGE > m->start)
            return true;
    }
    return false;
}

/* Resident bytes of a part of a mapping; below 0: that cannot be known. */
static int64_t resident(const struct taking *t, const struct mapping *m, uint64_t from,
                        uint64_t to) {
    if (from == m->start && to == m->end)
        return m->rss;
    return t->pagemap >= 0 ? mappings_resident(t->pagemap, from, to) : -1;
}

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Resident bytes of stacks of threads that live, in a part of a mapping. Of a stack in the midst of
 * other memory, little is ever touched; where that cannot be known, it is taken for nothing. */
static int64_t stacks_in(const struct taking *t, const struct mapping *m, uint64_t start,
                         uint64_t end) {
    const uint32_t used = atomic_load(&t->book->slots_used);
    int64_t sum         = 0;
    for (uint32_t i = 1; i < used && i < WHY_SLOTS; i++) {
        const struct why_slot *s = &t->book->slot[i];
        const uint64_t from = later(start, atomic_load_explicit(&s->stack, memory_order_relaxed));
        const uint64_t to = sooner(end, atomic_load_explicit(&s->stack_end, memory_order_relaxed));
        const int64_t there = from < to ? resident(t, m, from, to) : 0;
        sum += there > 0 ? there : 0;
    }
    return sum < m->rss ? sum : m->rss;
}

/* The zeroed data of a library or of the program lies behind what is from its file. */
static bool is_data(const struct mappings *all, size_t i) {
    const struct mapping *m = &all->item[i], *below = m - 1;
    return i > 0 && below->end == m->start && *below->name == '/';
}

static bool has_guard(const struct mappings *all, size_t i) {
    if (i == 0)
        return false;
    const struct mapping *m = &all->item[i], *below = m - 1;
    return below->end == m->start && below->end - below->start <= MOST_GUARD && !*below->name &&
           strncmp(below->rights, "---", 3) == 0;
}

/* Resident bytes that the program mapped itself, without the stacks there. */
static int64_t outside_of(const struct taking *t, const struct mapping *m) {
    int64_t sum = 0;
    for (unsigned i = 0; i < WHY_OUTSIDE; i++) {
        uint64_t from = atomic_load_explicit(&t->book->outside[i].start, memory_order_relaxed);
        uint64_t to   = atomic_load_explicit(&t->book->outside[i].end, memory_order_relaxed);
        if (!to || to <= m->start || from >= m->end)
            continue;
        from                = later(from, m->start);
        to                  = sooner(to, m->end);
        const int64_t there = resident(t, m, from, to);
        sum += there >= 0
                   ? there
                   : (int64_t)((double)m->rss * (double)(to - from) / (double)(m->end - m->start));
        sum -= stacks_in(t, m, from, to);
    }
    return sum < m->rss ? sum : m->rss;
}

/* --- huge pages ----------------------------------------------------------------------------------
 */

static bool in_large_block(const struct sampled *s, uint64_t address) {
    size_t low = 0, high = s->larges;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (s->large[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low && address - s->large[low - 1].address < s->large[low - 1].usable;
}

static bool is_zero(const char *page) {
    return !*page && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* Pages of zeros in a huge page: nobody wrote to them, or only zeros. */
static void look_into(struct taking *t, uint64_t start) {
    static char page[PAGE];
    for (unsigned i = 0; i < CHUNK_LOOKS; i++) {
        const uint64_t at = start + (uint64_t)(i * (HUGE_PAGE / CHUNK_LOOKS / PAGE) +
                                               (i * 7) % (HUGE_PAGE / CHUNK_LOOKS / PAGE)) *
                                        PAGE;
        const struct iovec mine   = {page, PAGE};
        const struct iovec theirs = {(void *)(uintptr_t)at, PAGE}; // NOLINT
        if (process_vm_readv(t->pid, &mine, 1, &theirs, 1, 0) != PAGE)
            continue;
        t->looked++;
        if (!is_zero(page))
            continue;
        t->zero++;
        t->zero_live += in_large_block(t->sampled, at);
    }
}

/* Of the pages of huge pages in a mapping, those that only huge pages made resident. */
static void measure_huge(struct taking *t, const struct mapping *m, bool outside) {
    const uint64_t first = (m->start + HUGE_PAGE - 1) / HUGE_PAGE, last = m->end / HUGE_PAGE;
    const uint64_t step = last - first > MOST_CHUNKS ? (last - first) / MOST_CHUNKS : 1;
    if (m->huge <= 0 || t->pid <= 0 || t->pagemap < 0)
        return;
    t->looked = t->zero = t->zero_live = 0;
    for (uint64_t i = first; i < last; i += step)
        if (mappings_resident(t->pagemap, i * HUGE_PAGE, (i + 1) * HUGE_PAGE) == HUGE_PAGE)
            look_into(t, i * HUGE_PAGE);
    if (!t->looked)
        return;
    const double unit = (double)m->huge / (double)t->looked;
    if (outside) {
        t->huge_outside += (int64_t)(unit * t->zero);
    } else {
        t->huge_in_live += (int64_t)(unit * t->zero_live);
        t->huge_in_free += (int64_t)(unit * (t->zero - t->zero_live));
    }
}

/* --- the heap ------------------------------------------------------------------------------------
 */

/* The first word of a heap of glibc's leads to its arena (struct heap_info). */
static void count_arena(struct taking *t, uint64_t heap, int64_t memory) {
    uint64_t arena            = heap;
    const struct iovec mine   = {&arena, sizeof arena};
    const struct iovec theirs = {(void *)(uintptr_t)heap, sizeof arena}; // NOLINT
    if (t->pid > 0 && process_vm_readv(t->pid, &mine, 1, &theirs, 1, 0) != sizeof arena)
        arena = heap;
    t->split->arenas_memory += memory;
    for (unsigned i = 0; i < t->split->arenas; i++)
        if (t->arena[i] == arena)
            return;
    if (t->split->arenas < MOST_ARENAS)
        t->arena[t->split->arenas++] = arena;
}

static void look_for_arenas(struct taking *t, const struct mapping *m) {
    const uint64_t mask = (UINT64_C(1) << ARENA_SHIFT) - 1;
    if (!is_arena(t, m))
        return;
    const uint64_t heaps = (m->end - m->start + mask) >> ARENA_SHIFT;
    for (uint64_t i = 0; i < heaps; i++)
        count_arena(t, m->start + (i << ARENA_SHIFT), m->rss / (int64_t)heaps);
}

/* Several kinds may lie in one mapping: the kernel joins neighbours. */
static void classify_anonymous(struct taking *t, size_t i) {
    const struct mapping *m = &t->maps->item[i];
    struct split *s         = t->split;
    const int64_t stacks    = stacks_in(t, m, m->start, m->end);
    const int64_t most      = m->rss - stacks;
    const int64_t known = outside_of(t, m), outside = known < most ? known : most;
    const int64_t rest   = most - outside;
    const int64_t before = s->outside;
    s->stacks += stacks;
    s->outside += outside;
    if (rest > 0 && has_blocks(t, m)) {
        s->heap += rest;
        measure_huge(t, m, false);
        look_for_arenas(t, m);
        return;
    }
    if (has_guard(t->maps, i) || (stacks && !outside))
        s->stacks += rest; /* also of a thread that has ended: it waits for the next one */
    else if (!outside && is_data(t->maps, i))
        s->files += rest;
    else
        s->outside += rest;
    if (s->outside > before)
        measure_huge(t, m, true);
}

static void classify(struct taking *t, size_t i, const char *folder) {
    const struct mapping *m = &t->maps->item[i];
    struct split *s         = t->split;
    if (m->rss == 0 || strstr(m->name, folder))
        return;
    s->rss += m->rss;
    if (strncmp(m->name, "[stack", 6) == 0) {
        s->stacks += m->rss;
    } else if (strcmp(m->name, "[heap]") == 0) {
        s->heap += m->rss;
        measure_huge(t, m, false);
    } else if (strncmp(m->name, "/memfd:", 7) == 0 || strncmp(m->name, "/SYSV", 5) == 0 ||
               strncmp(m->name, "/dev/zero", 9) == 0) {
        s->outside += m->rss;
    } else if (*m->name && strncmp(m->name, "[anon", 5) != 0) {
        s->files += m->rss;
    } else {
        classify_anonymous(t, i);
    }
}

/* Of those from TOUCH_LARGE on, or of the others. Some stand for all where there are more. */
static int64_t untouched_of(const struct taking *t, bool large, size_t most) {
    const struct sampled *s = t->sampled;
    size_t count = 0, n = 0;
    double bytes = 0, looked = 0, missing = 0;
    for (size_t i = 0; i < s->larges; i++) {
        const bool counts = (s->large[i].usable >= TOUCH_LARGE) == large;
        count += counts;
        bytes += counts ? (double)s->large[i].usable : 0;
    }
    const size_t step = count / most + 1;
    for (size_t i = 0; i < s->larges; i++) {
        const struct sampled_block *b = &s->large[i];
        if ((b->usable >= TOUCH_LARGE) != large)
            continue;
        const bool chosen = n % step == n / step * 7919 % step; /* no pattern of the program's */
        n++;
        const int64_t there =
            chosen ? mappings_resident(t->pagemap, b->address, b->address + b->usable) : -1;
        if (there < 0)
            continue;
        looked += (double)b->usable;
        missing += (double)b->usable - (double)there;
    }
    return looked > 0 ? (int64_t)(missing * bytes / looked) : 0;
}

/* What of the large blocks was never touched, or was given back. Of the others, what cannot be
 * there, because so much memory is not; little of that may be newer than the mappings. */
static int64_t untouched(const struct taking *t) {
    const int64_t live = t->split->live, beyond = live - t->split->heap - t->split->outside;
    const int64_t seen =
        t->pagemap < 0 ? 0
                       : untouched_of(t, true, TOUCH_BLOCKS) + untouched_of(t, false, TOUCH_SMALL);
    return beyond > seen && beyond > live / 10 ? beyond : seen;
}

/* Divides the memory of the heap. Each part is at most what is left. */
static void divide_heap(struct taking *t, double slack) {
    struct split *s        = t->split;
    const int64_t resident = s->live > s->untouched ? s->live - s->untouched : 0;
    int64_t live           = resident - t->huge_in_live;
    live                   = live < 0 ? 0 : live;
    live                   = live > s->heap ? s->heap : live;
    s->huge                = t->huge_in_live + t->huge_in_free;
    s->huge                = s->huge > s->heap - live ? s->heap - live : s->huge;
    const int64_t unused   = s->heap - live - s->huge;
    const int64_t small    = s->live - t->sampled->large_bytes;
    const int64_t around   = t->sampled->occupied - (small > 0 ? small : 0);
    s->fragments           = around < 0 ? 0 : around > unused ? unused : around;
    s->kept                = unused - s->fragments;
    s->slack               = (int64_t)((double)live * slack);
    s->requested           = live - s->slack;
    s->huge += t->huge_outside;
    s->outside -= t->huge_outside < s->outside ? t->huge_outside : s->outside;
}

/* --- the books -----------------------------------------------------------------------------------
 */

static void read_books(const struct why_shared *book, struct split *s, int64_t *blocks) {
    static struct tally t;
    tally_read(book, &t);
    memcpy(s->all_classes, t.bytes, sizeof t.bytes);
    memcpy(blocks, t.blocks, sizeof t.blocks);
    s->made = t.made;
    for (unsigned c = 0; c < WHY_CLASSES; c++) {
        s->live += s->all_classes[c];
        s->blocks += (uint64_t)(blocks[c] > 0 ? blocks[c] : 0);
    }
    s->threads = atomic_load(&book->names_used) - 1;
    s->level   = atomic_load(&book->level);
}

/* Of those that are not taken; WHY_CLASSES: none has any. */
static unsigned most_of(const int64_t *value, const bool *taken) {
    unsigned best = WHY_CLASSES;
    for (unsigned c = 0; c < WHY_CLASSES; c++)
        if (!taken[c] && value[c] > 0 && (best == WHY_CLASSES || value[c] > value[best]))
            best = c;
    return best;
}

/* The last place is that of the class which pins the most, if it is not among the largest. */
static void keep_classes(struct split *s, const int64_t *blocks, const struct sampled *sampled) {
    bool taken[WHY_CLASSES] = {false};
    const unsigned pins     = most_of(sampled->pins, taken);
    for (unsigned k = 0; k < SPLIT_TOP; k++) {
        const bool last  = k == SPLIT_TOP - 1 && pins < WHY_CLASSES && !taken[pins];
        const unsigned c = last && s->all_classes[pins] > 0 ? pins : most_of(s->all_classes, taken);
        if (c == WHY_CLASSES)
            return;
        taken[c]    = true;
        s->class[k] = (struct split_class){c,
                                           s->all_classes[c],
                                           (uint64_t)(blocks[c] > 0 ? blocks[c] : 0),
                                           sampled->most[c].thread,
                                           sampled->most[c].share,
                                           sampled->pins[c]};
    }
}

void split_take(const struct why_shared *book, const struct mappings *maps, pid_t pid,
                const char *folder, struct split *s) {
    static struct sampled sampled;
    static struct taking t;
    static uint64_t region[WHY_REGIONS];
    int64_t blocks[WHY_CLASSES] = {0};
    char path[64];
    double slack = 0;
    *s           = (struct split){.at = s->at};
    t         = (struct taking){.book = book, .maps = maps, .split = s, .pid = pid, .pagemap = -1};
    t.sampled = &sampled;
    t.region  = region;
    read_regions(&t);
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
    if (pid > 0)
        t.pagemap = open(path, O_RDONLY | O_CLOEXEC);
    read_books(book, s, blocks);
    sampled_read(book, s->all_classes, &sampled);
    keep_classes(s, blocks, &sampled);
    memcpy(s->thread, sampled.thread, sizeof s->thread);
    for (size_t i = 0; i < maps->count; i++)
        classify(&t, i, folder);
    s->untouched = untouched(&t);
    for (unsigned c = 0; s->live > 0 && c < WHY_CLASSES; c++)
        slack += sampled.slack[c] * (double)s->all_classes[c] / (double)s->live;
    divide_heap(&t, slack < 0 ? 0 : slack > 1 ? 1 : slack);
    if (t.pagemap >= 0)
        close(t.pagemap);
}
