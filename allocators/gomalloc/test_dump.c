/* gom_dump_spans: the picture that its lines make is that of the heap, to the page and to the slot.
 */
#include "gomalloc.h"
#include "hardened.h"
#include "sizeclasses.h"
#include "tap.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SMALL  = 20000, /* blocks */
    BYTES  = 100,
    LARGE  = 8,
    LONG   = 100000, /* bytes of a large one */
    STACK  = 3 * PAGE_BYTES,
    LOOKS  = 20, /* while another thread works, which has */
    OTHERS = 1000,
    DIGITS = 16,
    MOST   = 4 << 20, /* bytes of a dump, and so many lines of each kind: */
    LINES  = 8000,
};

struct line {
    uint64_t address, bytes, slot, slots;
    char state[16];
    char free[SPAN_MAX_SLOTS / 64 * DIGITS + 1];
};

/* What was dumped last. */
static struct dump {
    struct line arena[LINES], span[LINES], free[LINES];
    size_t arenas, spans, frees, others; /* others: lines that are none of these */
    uint64_t live[SIZE_MAX_SMALL + 1];   /* by slot */
    bool too_long;
} d;

static char text[MOST + 1];

static void parse(const char *line) {
    struct line l = {0};
    uint64_t objects;
    if (d.arenas == LINES || d.spans == LINES || d.frees == LINES)
        d.too_long = true;
    else if (sscanf(line, "arena %" SCNx64 " %" SCNu64, &l.address, &l.bytes) == 2)
        d.arena[d.arenas++] = l;
    else if (sscanf(line, "span %" SCNx64 " %" SCNu64 " %15s %" SCNu64 " %" SCNu64 " %256[0-9a-f]",
                    &l.address, &l.bytes, l.state, &l.slot, &l.slots, l.free) == 6)
        d.span[d.spans++] = l;
    else if (sscanf(line, "free %" SCNx64 " %" SCNu64 " %15s", &l.address, &l.bytes, l.state) == 3)
        d.free[d.frees++] = l;
    else if (sscanf(line, "objects %" SCNu64 " %" SCNu64, &l.slot, &objects) == 2 &&
             l.slot <= SIZE_MAX_SMALL)
        d.live[l.slot] = objects;
    else
        d.others++;
}

static void look(void) {
    const int fd = memfd_create("dump", 0);
    gom_dump_spans(fd);
    const ssize_t got = pread(fd, text, MOST, 0);
    close(fd);
    memset(&d, 0, sizeof d);
    d.too_long              = got < 0 || got == MOST;
    text[got > 0 ? got : 0] = '\0';
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;)
        parse(line);
}

static const struct line *span_of(const void *block) {
    const uint64_t at = (uintptr_t)block;
    for (size_t i = 0; i < d.spans; i++)
        if (at - d.span[i].address < d.span[i].bytes)
            return &d.span[i];
    return NULL;
}

/* Is it one of those states, separated by spaces? */
static bool is_in(const struct line *span, const char *states) {
    return span && strstr(states, span->state);
}

static bool is_free(const struct line *span, uint64_t slot) {
    char word[DIGITS + 1] = "";
    memcpy(word, span->free + slot / 64 * DIGITS, DIGITS);
    return strtoull(word, NULL, 16) >> slot % 64 & 1;
}

static uint64_t slot_of(const struct line *span, const void *block) {
    return ((uintptr_t)block - span->address) / span->slot;
}

static uint64_t free_slots(uint64_t slot) {
    uint64_t n = 0;
    for (size_t i = 0; i < d.spans; i++)
        for (uint64_t s = 0; d.span[i].slot == slot && s < d.span[i].slots; s++)
            n += is_free(&d.span[i], s);
    return n;
}

static uint64_t slots(uint64_t slot) {
    uint64_t n = 0;
    for (size_t i = 0; i < d.spans; i++)
        n += d.span[i].slot == slot ? d.span[i].slots : 0;
    return n;
}

static uint64_t free_bytes(const char *state) {
    uint64_t n = 0;
    for (size_t i = 0; i < d.frees; i++)
        n += strcmp(d.free[i].state, state) == 0 ? d.free[i].bytes : 0;
    return n;
}

static int by_address(const void *a, const void *b) {
    const uint64_t x = ((const struct line *)a)->address, y = ((const struct line *)b)->address;
    return (x > y) - (x < y);
}

/* Of spans and free pages, which lie in arenas: does one overlap another, or lie outside? */
static bool is_disjoint(void) {
    static struct line all[2 * LINES];
    memcpy(all, d.span, d.spans * sizeof *all);
    memcpy(all + d.spans, d.free, d.frees * sizeof *all);
    const size_t n = d.spans + d.frees;
    qsort(all, n, sizeof *all, by_address);
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        bool within = false;
        for (size_t a = 0; a < d.arenas; a++)
            within |= all[i].address - d.arena[a].address < d.arena[a].bytes;
        good &= within && all[i].bytes % PAGE_BYTES == 0 && all[i].bytes;
        good &= i == 0 || all[i - 1].address + all[i - 1].bytes <= all[i].address;
    }
    return good;
}

static void *small[SMALL], *large[LARGE];

static void test_picture(void) {
    struct gom_memstats m;
    for (int i = 0; i < SMALL; i++)
        small[i] = gom_malloc(BYTES);
    for (int i = 0; i < LARGE; i++)
        large[i] = gom_malloc(LONG);
    void *stack = gom_stack_alloc(STACK);
    look();
    OK(!d.too_long && !d.others, "each line is of a known kind");
    OK(d.arenas > 0 && is_disjoint(), "spans and free pages lie apart, in arenas");
    const struct line *first = span_of(small[0]);
    const uint64_t size      = first ? first->slot : 0;
    int good                 = 0;
    for (int i = 0; i < SMALL; i++) {
        const struct line *s = span_of(small[i]);
        good +=
            is_in(s, "cached full partial") && s->slot == size && !is_free(s, slot_of(s, small[i]));
    }
    IS(good, SMALL, "each live block lies in a slot that is not free");
    IS(d.live[size], SMALL, "so many objects of the class are live");
    int cached = 0;
    for (size_t i = 0; i < d.spans; i++)
        cached += d.span[i].slot == size && is_in(&d.span[i], "cached");
    IS(cached, 1, "one span of the class is the thread's");
    OK(is_in(first, "full"), "the first one's is full");
    for (int i = 0; i < LARGE; i++)
        good += is_in(span_of(large[i]), "large") && span_of(large[i])->bytes >= LONG;
    IS(good, SMALL + LARGE, "a large block is a span");
    const struct line *s = span_of(stack);
    OK(is_in(s, "stack") && s->bytes == STACK, "and so is a stack");

    gom_stack_free(stack);
    for (int i = 0; i < SMALL; i++)
        if (i % 3)
            gom_free(small[i]);
    gom_free(large[0]);
    look();
    OK(HARDENED || is_in(span_of(large[0]), "waiting"), "a large span that was freed waits");
    OK(HARDENED || d.live[size] == (SMALL + 2) / 3, "objects that were freed are not live");
    OK(slots(size) >= free_slots(size) + d.live[size], "some free slots are on the thread's list");
    gom_trim(0);
    gom_memstats(&m);
    look();
    good = 0;
    for (int i = 0; i < SMALL; i++) {
        s = span_of(small[i]);
        good += s && is_in(s, "full partial") && is_free(s, slot_of(s, small[i])) == (i % 3 > 0);
    }
    OK(HARDENED || good == SMALL, "after a trim, what is free is free in its span: %d", good);
    OK(HARDENED || slots(size) == free_slots(size) + d.live[size], "to the slot");
    OK(is_in(span_of(small[0]), "partial"), "of a span that nobody owns");
    IS(free_bytes("resident") + free_bytes("back"), m.heap_idle, "the statistics know free pages");
    IS(free_bytes("back"), m.heap_released, "and those that went back");
    OK(free_bytes("back") >= LONG, "as those of the large block did");
    for (int i = 0; i < SMALL; i += 3)
        gom_free(small[i]);
    for (int i = 1; i < LARGE; i++)
        gom_free(large[i]);
}

static atomic_bool stop;

static void *churn(void *unused) {
    static void *mine[OTHERS];
    for (uint32_t random = 1; !stop; random = random * 1664525 + 1013904223) {
        void **block = &mine[(random >> 16) % OTHERS];
        gom_free(*block);
        *block = gom_malloc(1u << (random >> 8) % 17);
    }
    for (int i = 0; i < OTHERS; i++)
        gom_free(mine[i]);
    return unused;
}

static void test_meanwhile(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, churn, NULL) != 0)
        exit(9);
    int good = 0;
    for (int i = 0; i < LOOKS; i++) {
        look();
        good += !d.too_long && !d.others && d.arenas && d.spans;
    }
    stop = true;
    pthread_join(thread, NULL);
    IS(good, LOOKS, "while another thread works, each line is whole");
}

int main(void) {
    test_picture();
    test_meanwhile();
    return tap_done();
}
