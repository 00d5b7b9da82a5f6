/* Statistics: the sums that the parts keep, in the words of Go's MemStats, and a table for people.
 */
#define GOM_API __attribute__((visibility("protected")))
#include "gomalloc.h"

#include "arena.h"
#include "mcache.h"
#include "mheap.h"
#include "options.h"
#include "persistent.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

_Static_assert((int)GOM_SIZE_CLASSES == (int)SIZE_CLASSES, "the public header says the same");

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Of running threads, a list may seem longer than it is: never more frees than mallocs. Returns the
 * pages of free spans that wait in their caches. */
static size_t add_objects(struct gom_memstats *m) {
    struct mcache_counts sum;
    mcache_sum(&sum);
    sum.large_free_bytes = least(sum.large_free_bytes, sum.large_malloc_bytes);
    for (unsigned i = 0; i < SPAN_CLASSES; i++) {
        sum.frees[i]           = least(sum.frees[i], sum.mallocs[i]);
        const uint64_t size    = class_to_size[i / 2];
        m->by_size[i / 2].size = size;
        m->by_size[i / 2].mallocs += sum.mallocs[i];
        m->by_size[i / 2].frees += sum.frees[i];
        m->mallocs += sum.mallocs[i];
        m->frees += sum.frees[i];
        m->total_alloc += size * sum.mallocs[i];
        m->total_freed += size * sum.frees[i];
    }
    m->total_alloc += sum.large_malloc_bytes;
    m->total_freed += sum.large_free_bytes;
    m->heap_objects = m->mallocs - m->frees;
    m->heap_alloc   = m->total_alloc - m->total_freed;
    m->tiny_allocs  = sum.tiny_mallocs;
    return sum.waiting_pages;
}

/* `waiting`: pages of free spans in threads' caches. They are idle, and resident. */
static void add_pages(struct gom_memstats *m, size_t waiting) {
    lock_acquire(&mheap.grow_lock);
    m->gc_sys = mheap.meta_sys + arena_sys + persistent_spare();
    lock_acquire(&mheap.lock);
    const size_t sys = mheap.sys_pages, released = mheap.pages.scavenged_pages;
    /* Under the lock, threads get no pages but of their own blocks. relaxed: only the values matter
     */
    const size_t manual      = atomic_load_explicit(&mheap.manual_pages, memory_order_relaxed);
    size_t inuse             = atomic_load_explicit(&mheap.inuse_pages, memory_order_relaxed);
    const size_t huge        = atomic_load_explicit(&mheap.huge_pages, memory_order_relaxed);
    const size_t huge_manual = atomic_load_explicit(&mheap.huge_manual_pages, memory_order_relaxed);
    lock_release(&mheap.lock);
    lock_release(&mheap.grow_lock);
    inuse -= least(inuse, waiting);
    const size_t idle = sys > manual + inuse ? sys - manual - inuse : 0;
    m->stack_inuse = m->stack_sys = (manual + huge_manual) * PAGE_BYTES;
    m->heap_inuse                 = (inuse + huge) * PAGE_BYTES;
    m->heap_idle                  = idle * PAGE_BYTES;
    m->heap_sys                   = m->heap_inuse + m->heap_idle;
    /* Spans may be counted a little before or after their pages. */
    m->heap_released = least(released, idle) * PAGE_BYTES;
}

void gom_memstats(struct gom_memstats *m) {
    size_t in_use, sys;
    *m = (struct gom_memstats){0};
    add_pages(m, add_objects(m));
    mheap_metadata(&in_use, &sys);
    m->mspan_inuse = in_use;
    m->mspan_sys   = sys;
    mcache_memory(&in_use, &sys);
    m->mcache_inuse = in_use;
    m->mcache_sys   = sys;
    m->sys          = m->heap_sys + m->stack_sys + m->mspan_sys + m->mcache_sys + m->gc_sys;
}

#ifdef GOM_HAVE_MALLINFO2
struct mallinfo2 gom_mallinfo2(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    return (struct mallinfo2){.arena    = m.heap_sys,
                              .uordblks = m.heap_alloc,
                              .fordblks = m.heap_sys - least(m.heap_sys, m.heap_alloc),
                              .keepcost = m.heap_idle - m.heap_released};
}
#endif

const char *gom_version(void) {
    return GOM_VERSION;
}

/* --- the table, and the picture --- */

/* Digits of a span's bitmap, and of a line with them. */
enum { DIGITS = 16, BITMAP_BYTES = SPAN_MANY_WORDS * DIGITS + 1, LINE_BYTES = BITMAP_BYTES + 120 };

__attribute__((format(printf, 2, 3))) static void say(int fd, const char *format, ...) {
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (int at = 0; at < n;) {
        const ssize_t written = write(fd, line + at, (size_t)(n - at));
        if (written <= 0)
            return;
        at += (int)written;
    }
}

static double mib(uint64_t bytes) {
    return (double)bytes / (1 << 20);
}

/* Calls `see` for each span, also those that wait in threads' caches. Other threads may change them
 * meanwhile: each number is right at some time. */
__attribute__((no_sanitize("thread"))) static void each_span(void (*see)(struct mspan *, void *of),
                                                             void *of) {
    size_t first, end;
    arena_bounds(&first, &end);
    for (size_t i = first; i < end; i++) {
        const struct heap_arena *a = arena_of((uintptr_t)i << ARENA_SHIFT);
        for (unsigned page = 0; a && page < ARENA_PAGES; page++) {
            const uintptr_t address = ((uintptr_t)i << ARENA_SHIFT) + page * (uintptr_t)PAGE_BYTES;
            struct mspan *s         = arena_span(address);
            if (s && s->base == address)
                see(s, of);
        }
    }
}

/* Spans and slots in use of each class. */
struct census {
    size_t spans, slots, used, pages;
};

__attribute__((no_sanitize("thread"))) static void count_span(struct mspan *s, void *of) {
    struct census *c = (struct census *)of + s->spanclass;
    if (span_state(s->word) == SPAN_DEAD)
        return;
    c->spans++;
    c->pages += s->npages;
    c->slots += s->nelems;
    c->used += span_live(s->word);
}

static void take_census(struct census of[SPAN_CLASSES]) {
    each_span(count_span, of);
}

void gom_dump(int fd) {
    struct census of[SPAN_CLASSES] = {0};
    struct gom_memstats m;
    gom_memstats(&m);
    take_census(of);
    say(fd, "gomalloc: heap %.2f MiB in objects, %.2f in spans, %.2f idle (%.2f not resident)\n",
        mib(m.heap_alloc), mib(m.heap_inuse), mib(m.heap_idle), mib(m.heap_released));
    say(fd, "%llu object%s live, of %llu allocated; stacks %.2f MiB; metadata %.2f MiB in use\n",
        (unsigned long long)m.heap_objects, m.heap_objects == 1 ? "" : "s",
        (unsigned long long)m.mallocs, mib(m.stack_inuse), mib(m.mspan_inuse + m.mcache_inuse));
    say(fd, "%5s %6s %8s %10s %10s %10s %6s\n", "class", "size", "spans", "slots", "used", "MiB",
        "full");
    for (unsigned i = 0; i < SPAN_CLASSES; i++) {
        const struct census *c = &of[i];
        if (c->spans)
            say(fd, "%3u%-2s %6u %8zu %10zu %10zu %10.2f %5.1f%%\n", i / 2, i % 2 ? "n" : "",
                class_to_size[i / 2], c->spans, c->slots, c->used, mib(c->pages * PAGE_BYTES),
                c->slots ? 100.0 * (double)c->used / (double)c->slots : 100.0);
    }
    say(fd, "n: noscan. used: not free in the span, so with what threads' lists and spans hold\n");
}

/* Which slots are free: 16 digits for each 64 of them, whose lowest bit is the first slot. */
__attribute__((no_sanitize("thread"))) static void print_free(struct mspan *s,
                                                              char text[BITMAP_BYTES]) {
    const unsigned words = s->nwords < SPAN_MANY_WORDS ? s->nwords : SPAN_MANY_WORDS;
    for (unsigned w = 0; w < words; w++) { /* as mspan_avail and mspan_freed have them */
        const uint64_t free = s->bits[w] | s->bits[words + w];
        snprintf(text + (size_t)w * DIGITS, DIGITS + 1, "%016llx", (unsigned long long)free);
    }
}

__attribute__((no_sanitize("thread"))) static void tell_span(struct mspan *s, void *fd) {
    static const char *const names[] = {
        [SPAN_DEAD] = "waiting",    [SPAN_CACHED] = "cached",   [SPAN_FULL] = "full",
        [SPAN_PUSHING] = "partial", [SPAN_PARTIAL] = "partial", [SPAN_EMPTYING] = "partial",
        [SPAN_LARGE] = "large",     [SPAN_MANUAL] = "stack",
    };
    const enum span_state state    = span_state(s->word);
    const bool has_slots           = state != SPAN_DEAD && state < SPAN_LARGE;
    const unsigned long long bytes = (unsigned long long)s->npages * PAGE_BYTES;
    char free[BITMAP_BYTES]        = "0";
    if (has_slots)
        print_free(s, free);
    say(*(int *)fd, "span %llx %llu %s %llu %u %s\n", (unsigned long long)s->base, bytes,
        names[state], has_slots ? s->elem_bytes : bytes, has_slots ? s->nelems : 1u, free);
}

static bool has_region(size_t r) {
    lock_acquire(&mheap.lock);
    const bool has = mheap.pages.region[r];
    lock_release(&mheap.lock);
    return has;
}

/* A copy of a chunk's bitmaps, of a region that exists; false: the heap has none there. */
static bool copy_chunk(size_t c, struct palloc_chunk *to) {
    lock_acquire(&mheap.lock);
    const struct palloc_region *r = mheap.pages.region[c / REGION_CHUNKS];
    const size_t at               = c % REGION_CHUNKS;
    const bool known              = r->known[at / 64] >> at % 64 & 1;
    if (known)
        *to = r->chunk[at];
    lock_release(&mheap.lock);
    return known;
}

static void tell_free_pages(int fd, size_t chunk, const struct palloc_chunk *of) {
    static const char *const names[] = {[1] = "resident", [2] = "back"};
    unsigned begin = 0, kind = 0; /* 0: in use */
    for (unsigned page = 0; page <= CHUNK_PAGES; page++) {
        const bool is_free = page < CHUNK_PAGES && !(of->used[page / 64] >> page % 64 & 1);
        const unsigned now = is_free ? 1 + (of->scavenged[page / 64] >> page % 64 & 1) : 0;
        if (now == kind && page < CHUNK_PAGES)
            continue;
        if (kind)
            say(fd, "free %llx %llu %s\n",
                ((unsigned long long)chunk << CHUNK_SHIFT) + (unsigned long long)begin * PAGE_BYTES,
                (unsigned long long)(page - begin) * PAGE_BYTES, names[kind]);
        begin = page;
        kind  = now;
    }
}

static void tell_arenas(int fd) {
    size_t first, end;
    arena_bounds(&first, &end);
    for (size_t i = first; i < end; i++)
        if (arena_of((uintptr_t)i << ARENA_SHIFT))
            say(fd, "arena %llx %llu\n", (unsigned long long)i << ARENA_SHIFT, 1ull << ARENA_SHIFT);
}

/* No lock is held while it writes. */
void gom_dump_spans(int fd) {
    struct gom_memstats m;
    struct palloc_chunk chunk;
    gom_memstats(&m);
    tell_arenas(fd);
    each_span(tell_span, &fd);
    for (size_t r = 0; r < REGIONS; r++)
        for (size_t c = 0; has_region(r) && c < REGION_CHUNKS; c++)
            if (copy_chunk(r * REGION_CHUNKS + c, &chunk))
                tell_free_pages(fd, r * REGION_CHUNKS + c, &chunk);
    for (unsigned i = 1; i < SIZE_CLASSES; i++)
        if (m.by_size[i].mallocs)
            say(fd, "objects %u %llu\n", class_to_size[i],
                (unsigned long long)(m.by_size[i].mallocs - m.by_size[i].frees));
}

/* --- in glibc's forms --- */

void gom_malloc_stats(void) {
    struct gom_memstats m;
    gom_memstats(&m);
    const unsigned long long system = m.heap_sys, in_use = m.heap_alloc;
    fprintf(stderr,
            "Arena 0:\nsystem bytes     = %10llu\nin use bytes     = %10llu\n"
            "Total (incl. mmap):\nsystem bytes     = %10llu\nin use bytes     = %10llu\n"
            "max mmap regions = %10d\nmax mmap bytes   = %10d\n",
            system, in_use, system, in_use, 0, 0);
}

/* Free slots of a class; the statistics and the census of running threads are not of one time. */
static uint64_t free_slots(const struct gom_memstats *m, const struct census of[], unsigned class) {
    const uint64_t slots = of[2 * class].slots + of[2 * class + 1].slots;
    return slots - least(slots, m->by_size[class].mallocs - m->by_size[class].frees);
}

static int print_totals(FILE *stream, const struct gom_memstats *m, uint64_t count) {
    const unsigned long long system = m->heap_sys;
    return fprintf(stream,
                   "<total type=\"fast\" count=\"0\" size=\"0\"/>\n"
                   "<total type=\"rest\" count=\"%llu\" size=\"%llu\"/>\n",
                   (unsigned long long)count,
                   system - (unsigned long long)least(system, m->heap_alloc));
}

/* What the heap has got it keeps mapped. */
static int print_system(FILE *stream, const struct gom_memstats *m) {
    const unsigned long long system = m->heap_sys;
    return fprintf(
        stream,
        "<system type=\"current\" size=\"%llu\"/>\n<system type=\"max\" size=\"%llu\"/>\n"
        "<aspace type=\"total\" size=\"%llu\"/>\n"
        "<aspace type=\"mprotect\" size=\"%llu\"/>\n",
        system, system, system, system);
}

static int print_sizes(FILE *stream, const struct gom_memstats *m, const struct census of[],
                       uint64_t *count) {
    int code = fputs("<sizes>\n", stream);
    for (unsigned class = 1; class < SIZE_CLASSES && code >= 0; class ++) {
        const unsigned from        = class > 1 ? class_to_size[class - 1] + 1u : 1u;
        const unsigned long long n = free_slots(m, of, class), to = class_to_size[class];
        *count += n;
        if (n)
            code =
                fprintf(stream, "  <size from=\"%u\" to=\"%llu\" total=\"%llu\" count=\"%llu\"/>\n",
                        from, to, n * to, n);
    }
    return code >= 0 ? fputs("</sizes>\n", stream) : code;
}

int gom_malloc_info(int flags, FILE *stream) {
    struct census of[SPAN_CLASSES] = {0};
    struct gom_memstats m;
    uint64_t count = 0;
    if (flags != 0) {
        errno = EINVAL;
        return EINVAL;
    }
    gom_memstats(&m);
    take_census(of);
    const bool done = fputs("<malloc version=\"1\">\n<heap nr=\"0\">\n", stream) >= 0 &&
                      print_sizes(stream, &m, of, &count) >= 0 &&
                      print_totals(stream, &m, count) >= 0 && print_system(stream, &m) >= 0 &&
                      fputs("</heap>\n", stream) >= 0 && print_totals(stream, &m, count) >= 0 &&
                      fputs("<total type=\"mmap\" count=\"0\" size=\"0\"/>\n", stream) >= 0 &&
                      print_system(stream, &m) >= 0 && fputs("</malloc>\n", stream) >= 0;
    return done ? 0 : -1;
}

int gom_mallopt(int parameter, int value) {
    (void)parameter;
    (void)value;
    return 0;
}

__attribute__((destructor)) static void dump_at_exit(void) {
    if (options[OPTION_STATS])
        gom_dump(STDERR_FILENO);
}
