#include "sampled.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GRANULE = 1 << WHY_GRANULE_SHIFT };

struct part {
    uint64_t key; /* of a granule */
    uint32_t class, name;
    int64_t usable, requested;
};

static int by_granule(const void *a, const void *b) {
    const struct part *p = a, *q = b;
    return (p->key > q->key) - (p->key < q->key);
}

static int by_class_and_name(const void *a, const void *b) {
    const struct part *p = a, *q = b;
    if (p->class != q->class)
        return p->class < q->class ? -1 : 1;
    return (p->name > q->name) - (p->name < q->name);
}

static int by_address(const void *a, const void *b) {
    const struct sampled_block *p = a, *q = b;
    return (p->address > q->address) - (p->address < q->address);
}

static size_t collect(const struct why_shared *book, struct part *part, struct sampled *s) {
    enum { ON_PAGE = PRESENT_PAGE / sizeof book->sample[0] };
    static unsigned char present[sizeof book->sample / PRESENT_PAGE];
    const unsigned level = atomic_load(&book->level);
    size_t count         = 0;
    mappings_present(book->sample, sizeof book->sample, present);
    for (unsigned i = 0; i < WHY_SAMPLES; i++) {
        if (!present[i / ON_PAGE]) {
            i += ON_PAGE - 1;
            continue;
        }
        uint64_t block, size;
        const bool has_block   = why_read_sample(&book->sample[i], &block, &size);
        const uint64_t address = why_block_address(block), usable = size >> WHY_SLACK_BITS;
        const uint64_t slack = size & ((UINT64_C(1) << WHY_SLACK_BITS) - 1);
        if (!has_block || !why_sampled(address, usable, level))
            continue;
        part[count++] =
            (struct part){address >> WHY_GRANULE_SHIFT, why_class_of(usable),
                          (uint32_t)(block >> 48), (int64_t)usable, (int64_t)(usable - slack)};
        if (usable < (uint64_t)WHY_LARGE << level)
            continue;
        s->large[s->larges++] = (struct sampled_block){address, usable};
        s->large_bytes += (int64_t)usable;
    }
    return count;
}

/* What is free in a granule is pinned by the blocks there, by each in the same way. */
static int64_t add_granule(const struct part *part, size_t count, double *pins) {
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += part[i].usable;
    for (size_t i = 0; bytes < GRANULE && i < count; i++)
        pins[part[i].class] += (double)(GRANULE - bytes) / (double)count;
    return bytes;
}

/* Small blocks alone: where a large one lies is known. The sample has a part of their bytes that is
 * known, and is taken to have the same part of their granules. Only they are left in `part`. */
static void measure_occupied(struct part *part, size_t count, unsigned level, int64_t live,
                             struct sampled *s) {
    double pins[WHY_CLASSES] = {0};
    int64_t granules = 0, bytes = 0;
    size_t small = 0;
    for (size_t i = 0; i < count; i++)
        if ((uint64_t)part[i].usable < (uint64_t)WHY_LARGE << level)
            part[small++] = part[i];
    qsort(part, small, sizeof *part, by_granule);
    for (size_t i = 0, end; i < small; i = end) {
        for (end = i; end < small && part[end].key == part[i].key;)
            end++;
        granules++;
        bytes += add_granule(part + i, end - i, pins);
    }
    const double scale = bytes > 0 ? (double)(live - s->large_bytes) / (double)bytes : 0;
    s->occupied        = scale > 0 ? (int64_t)((double)(granules << WHY_GRANULE_SHIFT) * scale) : 0;
    for (unsigned c = 0; c < WHY_CLASSES; c++)
        s->pins[c] = scale > 0 ? (int64_t)(pins[c] * scale) : 0;
}

static void add_thread(struct split_thread *all, uint32_t name, int64_t bytes) {
    all[name < WHY_NAMES ? name : 0].bytes += bytes;
}

static void keep_top(const struct split_thread *all, struct split_thread *top) {
    for (unsigned k = 0; k < SPLIT_TOP; k++) {
        uint32_t best = WHY_NAMES;
        for (uint32_t n = 0; n < WHY_NAMES; n++) {
            bool taken = all[n].bytes <= 0;
            for (unsigned j = 0; j < k && !taken; j++)
                taken = top[j].name == n;
            if (!taken && (best == WHY_NAMES || all[n].bytes > all[best].bytes))
                best = n;
        }
        if (best == WHY_NAMES)
            return;
        top[k] = (struct split_thread){best, all[best].bytes};
    }
}

/* Scales what was seen of a class to all of it. */
static void divide(struct part *part, size_t count, const int64_t *exact, struct sampled *s) {
    static struct split_thread all[WHY_NAMES];
    memset(all, 0, sizeof all);
    qsort(part, count, sizeof *part, by_class_and_name);
    for (size_t i = 0, end; i < count; i = end) {
        const uint32_t class = part[i].class;
        int64_t usable = 0, requested = 0, most = -1;
        for (end = i; end < count && part[end].class == class; end++) {
            usable += part[end].usable;
            requested += part[end].requested;
        }
        if (usable <= 0)
            continue;
        const double scale = exact[class] > 0 ? (double)exact[class] / (double)usable : 0;
        s->slack[class]    = (double)(usable - requested) / (double)usable;
        for (size_t k = i, after; k < end; k = after) {
            int64_t bytes = 0;
            for (after = k; after < end && part[after].name == part[k].name; after++)
                bytes += part[after].usable;
            add_thread(all, part[k].name, (int64_t)((double)bytes * scale));
            if (bytes > most) {
                most                  = bytes;
                s->most[class].thread = part[k].name;
                s->most[class].share  = (double)bytes / (double)usable;
            }
        }
    }
    keep_top(all, s->thread);
}

void sampled_read(const struct why_shared *book, const int64_t *exact, struct sampled *s) {
    static struct part part[WHY_SAMPLES];
    memset(s->slack, 0, sizeof s->slack);
    memset(s->most, 0, sizeof s->most);
    memset(s->thread, 0, sizeof s->thread);
    s->larges          = 0;
    s->large_bytes     = 0;
    const size_t count = collect(book, part, s);
    int64_t live       = 0;
    for (unsigned c = 0; c < WHY_CLASSES; c++)
        live += exact[c];
    divide(part, count, exact, s);
    measure_occupied(part, count, atomic_load(&book->level), live, s);
    qsort(s->large, s->larges, sizeof *s->large, by_address);
}
