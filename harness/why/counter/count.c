#include "count.h"

#include "book.h"
#include "next.h"
#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct why_shared *count_book;
__thread struct why_slot *count_mine;

/* Of this thread. */
static __thread struct {
    struct why_slot *slot; /* its own; NULL: none */
    bool asked;            /* it has one, or gets none: the shared one counts */
    unsigned inside;       /* functions of the allocator that are counted as a whole */
} state __attribute__((tls_model("initial-exec")));

static pthread_key_t at_end;
static bool has_key;

static void fold(struct why_slot *s) {
    struct why_slot *into = count_book->slot;
    for (unsigned i = 0; i < WHY_PENDING; i++) {
        const int64_t change = atomic_exchange(&s->pending[i], 0);
        if (change)
            count_apply(s, change);
    }
    for (unsigned i = 0; i < WHY_CLASSES; i++) {
        struct why_class *from = &s->class[i], *to = &into->class[i];
        atomic_fetch_add_explicit(&to->bytes, atomic_exchange(&from->bytes, 0),
                                  memory_order_relaxed);
        atomic_fetch_add_explicit(&to->freed, atomic_exchange(&from->freed, 0),
                                  memory_order_relaxed);
        atomic_fetch_add_explicit(&to->made, atomic_exchange(&from->made, 0), memory_order_relaxed);
    }
    atomic_store_explicit(&s->used, 0, memory_order_release);
}

static void name_thread(const struct why_slot *s) {
    struct why_name *name = &count_book->names[atomic_load(&s->name)];
    char text[16]         = "";
    prctl(PR_GET_NAME, text);
    memcpy(name->text, text, sizeof text);
    atomic_store_explicit(&name->ended, 1, memory_order_release);
}

/* What the thread does after this, other destructors do, is counted in the shared slot. */
static void end_thread(void *slot) {
    state.slot = count_mine = NULL;
    name_thread(slot);
    fold(slot);
}

static void bind(struct why_slot *s) {
    const uint32_t number = atomic_fetch_add(&count_book->names_used, 1);
    const uint32_t name   = number < WHY_NAMES ? number : WHY_NAMES - 1;
    atomic_store(&count_book->names[name].thread, gettid());
    atomic_store(&s->thread, gettid());
    atomic_store(&s->stack, (uint64_t)(uintptr_t)&number);
    atomic_store(&s->name, name);
}

/* A slot of its own for this thread, if there is one. */
static void claim(void) {
    const int error = errno;
    state.asked     = true; /* what is asked for meanwhile is counted in the shared one */
    for (unsigned i = 1; has_key && i < WHY_SLOTS; i++) {
        struct why_slot *s = &count_book->slot[i];
        uint32_t unused    = 0;
        if (atomic_load_explicit(&s->used, memory_order_relaxed) ||
            !atomic_compare_exchange_strong(&s->used, &unused, 1))
            continue;
        uint32_t most = atomic_load(&count_book->slots_used);
        while (most < i + 1 && !atomic_compare_exchange_weak(&count_book->slots_used, &most, i + 1))
            ;
        bind(s);
        if (pthread_setspecific(at_end, s) == 0)
            state.slot = count_mine = s;
        else
            atomic_store(&s->used, 0);
        break;
    }
    errno = error;
}

/* True: the shared slot counts, by atomic operations; or nothing does, if inside. */
static bool is_shared(void) {
    if (!state.asked)
        claim();
    return !state.slot;
}

void count_made_slow(const void *block, size_t requested, size_t usable) {
    if (!count_book || state.inside)
        return;
    if (!is_shared()) {
        count_made(state.slot, block, requested, usable);
        return;
    }
    struct why_class *c = &count_book->slot[0].class[why_class_of(usable)];
    atomic_fetch_add_explicit(&c->bytes, (int64_t)usable, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->made, 1, memory_order_relaxed);
    if (sample_has(block, usable))
        sample_add(block, requested, usable, 0);
}

void count_freed_slow(const void *block, size_t usable) {
    if (!count_book || state.inside)
        return;
    if (!is_shared()) {
        count_freed(state.slot, block, usable);
        return;
    }
    struct why_class *c = &count_book->slot[0].class[why_class_of(usable)];
    atomic_fetch_sub_explicit(&c->bytes, (int64_t)usable, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->freed, 1, memory_order_relaxed);
    if (sample_has(block, usable))
        sample_remove(block);
}

void count_enter(void) {
    state.inside++;
    count_mine = NULL;
}

void count_leave(void) {
    if (--state.inside == 0)
        count_mine = state.slot;
}

/* --- the process ---------------------------------------------------------------------------------
 */

/* A child has the parent's blocks, and books of its own from here on. The parent's other threads
 * are not in it. */
static void in_child(void) {
    if (!count_book)
        return;
    const int error = errno;
    book_copy(count_book);
    for (unsigned i = 1; i < atomic_load(&count_book->slots_used); i++) {
        struct why_slot *s = &count_book->slot[i];
        if (s != state.slot && atomic_load(&s->used))
            fold(s);
    }
    if (state.slot) {
        atomic_store(&state.slot->thread, gettid());
        atomic_store(&count_book->names[atomic_load(&state.slot->name)].thread, gettid());
    }
    atomic_store(&count_book->outside_lock, 0);
    errno = error;
}

void count_begin(void) {
    struct why_shared *book = book_open(next.object);
    if (!book)
        return;
    atomic_store(&book->slots_used, 1);
    atomic_store(&book->slot[0].used, 1);
    atomic_store(&book->names_used, 1);
    atomic_store_explicit(&book->state, next.usable ? WHY_COUNTING : WHY_NO_SIZES,
                          memory_order_release);
    if (next.usable)
        count_book = book;
}

void count_after(void) {
    if (!count_book)
        return;
    has_key     = pthread_key_create(&at_end, end_thread) == 0;
    state.asked = false; /* what came before is in the shared slot */
    pthread_atfork(NULL, NULL, in_child);
}

__attribute__((constructor)) static void begin(void) {
    (void)next_ready();
}

/* The names of the threads that live, and a last look at the memory. */
__attribute__((destructor)) static void end(void) {
    if (!count_book)
        return;
    if (state.slot)
        name_thread(state.slot);
    book_keep_maps();
    atomic_store_explicit(&count_book->state, WHY_ENDED, memory_order_release);
}
