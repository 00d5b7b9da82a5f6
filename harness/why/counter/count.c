#include "count.h"

#include "book.h"
#include "page.h"
#include "stack.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct why_shared *count_book;
__thread struct why_slot *count_mine, *count_slot;
__thread unsigned count_inside;
_Atomic uint16_t count_promised[WHY_SMALL + 1];

/* This thread has a slot, or gets none: the shared one counts. */
static __thread bool asked;

static pthread_key_t at_end;
static bool has_key;

/* The first slot has many writers. What they add is a number alone: relaxed. */
static void add(_Atomic uint64_t *number, uint64_t more) {
    atomic_fetch_add_explicit(number, more, memory_order_relaxed);
}

/* The thread of this slot has ended, or is the caller. What it counted stays, and the next thread
 * goes on from there. So nothing is moved, and a look at any instant finds it once. */
static void leave_slot(struct why_slot *s) {
    /* its memory may be anybody's soon */
    atomic_store_explicit(&s->stack, 0, memory_order_relaxed);
    atomic_store_explicit(&s->stack_end, 0, memory_order_relaxed);
    /* pairs with the acquire of take: the next thread finds the last numbers */
    atomic_store_explicit(&s->used, 0, memory_order_release);
}

static void name_thread(const struct why_slot *s) {
    struct why_name *name =
        &count_book->names[atomic_load_explicit(&s->name, memory_order_relaxed)];
    char text[16] = "";
    prctl(PR_GET_NAME, text);
    memcpy(name->text, text, sizeof text);
    /* pairs with the acquire of the driver, which then reads the text */
    atomic_store_explicit(&name->ended, 1, memory_order_release);
}

/* What the thread does after this, other destructors do, is counted in the shared slot. */
static void end_thread(void *slot) {
    count_slot = count_mine = NULL;
    name_thread(slot);
    leave_slot(slot);
}

/* The driver reads these at any time, each alone: relaxed. */
static void bind(struct why_slot *s) {
    const uint32_t number =
        atomic_fetch_add_explicit(&count_book->names_used, 1, memory_order_relaxed);
    const uint32_t name = number < WHY_NAMES ? number : WHY_NAMES - 1;
    atomic_store_explicit(&count_book->names[name].thread, gettid(), memory_order_relaxed);
    atomic_store_explicit(&s->thread, gettid(), memory_order_relaxed);
    atomic_store_explicit(&s->name, name, memory_order_relaxed);
    count_inside++; /* the blocks are ours */
    const struct stack stack = stack_find();
    count_inside--;
    atomic_store_explicit(&s->stack, stack.start, memory_order_relaxed);
    atomic_store_explicit(&s->stack_end, stack.end, memory_order_relaxed);
}

/* The driver looks at so many slots. One that it misses has counted nothing yet: relaxed. */
static void raise_slots_used(uint32_t least) {
    uint32_t most = atomic_load_explicit(&count_book->slots_used, memory_order_relaxed);
    while (most < least &&
           !atomic_compare_exchange_weak_explicit(&count_book->slots_used, &most, least,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

/* pairs with the release of leave_slot */
static bool take(struct why_slot *s) {
    uint32_t unused = 0;
    return !atomic_load_explicit(&s->used, memory_order_relaxed) &&
           atomic_compare_exchange_strong_explicit(&s->used, &unused, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* A slot of its own for this thread, if there is one. */
static void claim(void) {
    const int error = errno;
    asked           = true; /* what is asked for meanwhile is counted in the shared one */
    for (unsigned i = 1; has_key && i < WHY_SLOTS; i++) {
        struct why_slot *s = &count_book->slot[i];
        if (!take(s))
            continue;
        raise_slots_used(i + 1);
        bind(s);
        if (pthread_setspecific(at_end, s) == 0)
            count_slot = count_mine = s;
        else
            leave_slot(s);
        break;
    }
    errno = error;
}

void count_thread(void) {
    if (count_book && !asked && !count_is_inside())
        claim();
}

/* True: the shared slot counts, by atomic operations; or nothing does, if inside. */
static bool is_shared(void) {
    if (!asked)
        claim();
    return !count_slot;
}

/* By operations that many threads may do at once. */
static void count_shared(size_t usable, bool freed) {
    struct why_slot *all = count_book->slot;
    if (why_is_small(usable)) {
        struct why_small *s = &all->small[usable / 8];
        add(freed ? &s->freed : &s->made, 1);
        return;
    }
    struct why_class *c = &all->class[why_class_of(usable)];
    add(freed ? &c->freed : &c->made, 1);
    atomic_fetch_add_explicit(&c->bytes, freed ? -(int64_t)usable : (int64_t)usable,
                              memory_order_release); /* as in count_own */
}

static void note_page(const void *block, size_t usable) {
    if (next.glibc)
        return;
    if (why_is_small(usable) && usable)
        page_note(block, sample_has_place(block) ? usable / 8 | PAGE_SAMPLED : usable / 8);
    else
        page_note(block, PAGE_ASK);
}

void count_made_slow(const void *block, size_t requested, size_t usable) {
    if (!count_book || count_is_inside())
        return;
    if (!is_shared()) {
        count_made(count_slot, block, requested, usable);
        return;
    }
    note_page(block, usable);
    count_shared(usable, false);
    if (sample_has(block, usable))
        sample_add(block, requested, usable, 0);
}

void count_freed_slow(const void *block, size_t usable) {
    if (!count_book || count_is_inside())
        return;
    if (!is_shared()) {
        count_freed(count_slot, block, usable);
        return;
    }
    count_shared(usable, true);
    if (sample_has(block, usable))
        sample_remove(block);
}

/* Nobody else writes to this slot. */
static void count_own(struct why_slot *mine, size_t usable, bool freed) {
    if (why_is_small(usable)) {
        struct why_small *s = &mine->small[usable / 8];
        count_up(freed ? &s->freed : &s->made);
        return;
    }
    struct why_class *c  = &mine->class[why_class_of(usable)];
    const int64_t before = atomic_load_explicit(&c->bytes, memory_order_relaxed);
    count_up(freed ? &c->freed : &c->made);
    /* pairs with the acquire of tally.c: who sees these bytes sees the block counted */
    atomic_store_explicit(&c->bytes, freed ? before - (int64_t)usable : before + (int64_t)usable,
                          memory_order_release);
}

static void add_to_sample(const struct why_slot *mine, const void *block, size_t requested,
                          size_t usable) {
    sample_add(block, requested, usable, atomic_load_explicit(&mine->name, memory_order_relaxed));
}

void count_made(struct why_slot *mine, const void *block, size_t requested, size_t usable) {
    note_page(block, usable);
    count_own(mine, usable, false);
    if (sample_has(block, usable))
        add_to_sample(mine, block, requested, usable);
}

void count_freed(struct why_slot *mine, const void *block, size_t usable) {
    count_own(mine, usable, true);
    if (sample_has(block, usable))
        sample_remove(block);
}

/* --- what the allocator promises -----------------------------------------------------------------
 */

/* It does not keep its word: from now on it is asked about each block. The flag alone counts, and a
 * thread that still reads an old one finds the same once more: relaxed. */
static void distrust(void) {
    atomic_store_explicit(&count_book->unsure, 1, memory_order_relaxed);
    for (unsigned i = 0; i <= WHY_SMALL; i++)
        atomic_store_explicit(&count_promised[i], 0, memory_order_relaxed);
}

/* All requests of a unit must get blocks of one size, and this one did. */
static void learn(size_t unit, size_t usable) {
    if (!atomic_load_explicit(&count_book->unsure, memory_order_relaxed) && unit &&
        why_is_small(usable) && next.promised(8 * unit, 0) == usable &&
        next.promised(8 * unit - 7, 0) == usable)
        atomic_store_explicit(&count_promised[unit], (uint16_t)(usable / 8), memory_order_relaxed);
}

void count_made_unknown(struct why_slot *mine, void *block, size_t requested) {
    const uint64_t size = count_promise(requested);
    if (size && page_is_of(block, size | PAGE_SAMPLED) && sample_has_place(block)) {
        count_up(&mine->small[size].made);
        add_to_sample(mine, block, requested, 8 * size);
        return;
    }
    const size_t usable = next_usable(block);
    if (size && 8 * size != usable)
        distrust();
    else if (!size && next.promised && requested <= 8 * WHY_SMALL)
        learn((requested + 7) / 8, usable);
    count_made(mine, block, requested, usable);
}

/* --- the process ---------------------------------------------------------------------------------
 */

/* A child has the parent's blocks, and books of its own from here on. The parent's other threads
 * are not in it. This one is alone in it: relaxed. */
static void in_child(void) {
    if (!count_book)
        return;
    const int error = errno;
    book_copy(count_book);
    const uint32_t used = atomic_load_explicit(&count_book->slots_used, memory_order_relaxed);
    for (uint32_t i = 1; i < used; i++) {
        struct why_slot *s = &count_book->slot[i];
        if (s != count_slot && atomic_load_explicit(&s->used, memory_order_relaxed))
            leave_slot(s);
    }
    if (count_slot) {
        const uint32_t name = atomic_load_explicit(&count_slot->name, memory_order_relaxed);
        atomic_store_explicit(&count_slot->thread, gettid(), memory_order_relaxed);
        atomic_store_explicit(&count_book->names[name].thread, gettid(), memory_order_relaxed);
    }
    atomic_store_explicit(&count_book->outside_lock, 0, memory_order_release); /* as in unlock */
    errno = error;
}

void count_begin(void) {
    struct why_shared *book = book_open(next.object);
    if (!book)
        return;
    atomic_store_explicit(&book->slots_used, 1, memory_order_relaxed);
    atomic_store_explicit(&book->slot[0].used, 1, memory_order_relaxed);
    atomic_store_explicit(&book->names_used, 1, memory_order_relaxed);
    book->own = next.own;
    /* pairs with the acquire of the driver: it finds all that stands above */
    atomic_store_explicit(&book->state, next.usable ? WHY_COUNTING : WHY_NO_SIZES,
                          memory_order_release);
    if (next.usable)
        count_book = book;
}

void count_after(void) {
    if (!count_book)
        return;
    has_key = pthread_key_create(&at_end, end_thread) == 0;
    asked   = false; /* what came before is in the shared slot */
    pthread_atfork(NULL, NULL, in_child);
}

__attribute__((constructor)) static void begin(void) {
    (void)next_ready();
}

/* The names of the threads that live, and a last look at the memory. */
__attribute__((destructor)) static void end(void) {
    if (!count_book)
        return;
    if (count_slot)
        name_thread(count_slot);
    book_keep_maps();
    atomic_store_explicit(&count_book->state, WHY_ENDED, memory_order_release);
}
