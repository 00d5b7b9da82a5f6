/* A list whose owner stops in the middle of a change, as a forked child finds it (fork.c). At each
 * step no object is on it twice, and no more blocks count as free than are. No free that the list
 * accepts would go behind its array. The child itself is test_fork_steps.c's.
 *
 * mcache.c is here once more, with a step where the order of two stores matters. */
#include "lock.h"

static void step(void);
#define lock_in_order() step()

/* Copies of their own, so that the parts that the test is linked with stay what they are. */
#define mcache_current       stepped_current
#define mcache_renewals_wait stepped_renewals_wait
#define mcache_wait          stepped_wait
#define mcache_enter         stepped_enter
#define mcache_leave         stepped_leave
#define mcache_alloc         stepped_alloc
#define mcache_free_more     stepped_free_more
#define mcache_free_counted  stepped_free_counted
#define mcache_alloc_large   stepped_alloc_large
#define mcache_free_large    stepped_free_large
#define mcache_alloc_tiny    stepped_alloc_tiny
#define mcache_free_tiny     stepped_free_tiny
#define mcache_flush         stepped_flush
#define mcache_flush_all     stepped_flush_all
#define mcache_sum           stepped_sum
#define mcache_memory        stepped_memory
#define mcache_trim          stepped_trim
#define mcache_after_fork    stepped_after_fork

#include "mcache.c" // NOLINT(bugprone-suspicious-include)

#include "gomalloc.h"
#include "tap.h"
#include "test_random.h"

#include <stdlib.h>

enum { MOST = 4000, CLASSES = 4 };

static const unsigned sizes[CLASSES] = {16, 64, 1024, 32 << 10};

static struct mcache *cache;
static unsigned spanclass;
static void *block[MOST];
static unsigned live; /* blocks of the class, before what is being done or after it: the fewer */
static void (*at_step)(void); /* looks at the class */
static unsigned steps, twice, less, more, behind, in_spans;

static int by_address(const void *a, const void *b) {
    const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

/* Is it free there, too? */
static bool is_in_span(const void *object) {
    struct mspan *s     = arena_span((uintptr_t)object);
    const unsigned slot = mspan_slot(s, (uintptr_t)object);
    return (mspan_avail(s)[slot / 64] | mspan_freed(s)[slot / 64]) >> slot % 64 & 1;
}

/* By the books of the class. */
static int64_t in_use(const struct mcache *c) {
    const struct mcache_class *b = &c->of[spanclass];
    return (int64_t)(b->mallocs - b->frees) + b->length - length_of(c, spanclass);
}

/* The child's audit renews the books of what it finds. */
static int64_t in_use_after_audit(void) {
    static struct mcache found;
    found = *cache;
    audit(&found, spanclass);
    return in_use(&found);
}

static bool is_wrong(int64_t number) {
    return number > (int64_t)live + 1 + LIST_OBJECTS_MAX;
}

static void look(void) {
    static void *seen[LIST_OBJECTS_MAX + 1];
    const struct freelist *l = &cache->list[spanclass];
    const unsigned n         = length_of(cache, spanclass);
    if (n > l->capacity + 1) {
        behind++;
        return;
    }
    behind += n + (unsigned)l->budget > l->capacity + 1;
    memcpy(seen, cache->bottom[spanclass] + 1, n * sizeof *seen);
    qsort(seen, n, sizeof *seen, by_address);
    for (unsigned i = 1; i < n; i++)
        twice += seen[i] == seen[i - 1];
    for (unsigned i = 0; i < n; i++)
        in_spans += is_in_span(seen[i]);
    const int64_t now = in_use(cache), then = in_use_after_audit();
    less += now < live || then < live;
    more += is_wrong(now) || is_wrong(then);
}

static void step(void) {
    void (*again)(void) = at_step;
    if (!again || !cache->list[spanclass].capacity) /* else the child forgets it */
        return;
    at_step = NULL; /* not in the audit */
    again();
    steps++;
    at_step = again;
}

static void *take_one(void) {
    at_step      = look;
    void *object = mcache_alloc(cache, spanclass);
    at_step      = NULL;
    live++;
    return object;
}

static void give_one(void *object) {
    live--;
    at_step = look;
    if (!freelist_push(&cache->list[spanclass], object))
        mcache_free_more(cache, spanclass, object);
    at_step = NULL;
}

/* Some mallocs and some frees in turn, in any order: lists that grow, that run empty and over. */
static void work(unsigned most, uint64_t *state) {
    unsigned n = 0;
    for (unsigned round = 0; round < 20; round++) {
        const unsigned to = (unsigned)(next_random(state) % most);
        while (n < to)
            block[n++] = take_one();
        while (n > to) {
            const unsigned at = (unsigned)(next_random(state) % n);
            give_one(block[at]);
            block[at] = block[--n];
        }
    }
    while (n)
        give_one(block[--n]);
}

int main(void) {
    uint64_t state = 20;
    gom_free(gom_malloc(1)); /* the heap has begun */
    cache = mcache_enter();
    for (unsigned i = 0; i < CLASSES; i++) {
        spanclass = 2 * size_to_class(sizes[i]);
        steps = twice = less = more = behind = in_spans = 0;
        work(sizes[i] > 1024 ? 40 : MOST, &state);
        OK(steps > 100, "%u bytes: %u steps", sizes[i], steps);
        IS(twice, 0, "at none of them an object is on the list twice");
        IS(in_spans, 0, "nor on it and free in its span");
        IS(less, 0, "nor fewer objects are in use than there are");
        IS(more, 0, "nor more than those and a list");
        IS(behind, 0, "nor a free goes behind the array");
        IS(live, 0, "at the end none is in use");
    }
    mcache_leave(cache);
    return tap_done();
}
