/* A large block goes from thread to thread while somebody looks, before any of the look's
 * operations: it counts once. tally.c is here with a step before each atomic load. */
#include <stdatomic.h>

static void step(void);

#undef atomic_load_explicit
#define atomic_load_explicit(at, order) (step(), *(at))
#define tally_read                      stepped_read

#include "tally.c" // NOLINT(bugprone-suspicious-include)

#include "tap.h"

#include <stdlib.h>

enum { SLOTS = 3, LARGE = 1 << 30 };

static struct why_shared *book;
static unsigned owner = 1;       /* the slot of who made the block, and frees it */
static unsigned steps, stop_at;  /* before which the block goes on; 0: never */
static unsigned every = 1 << 30; /* likewise, again and again */

static void count(unsigned slot, bool freed) {
    struct why_class *c = &book->slot[slot].class[why_class_of(LARGE)];
    *(freed ? &c->freed : &c->made) += 1;
    c->bytes += freed ? -(int64_t)LARGE : LARGE;
}

static void hand_over(void) {
    const unsigned next = SLOTS - owner;
    count(next, false);
    count(owner, true);
    owner = next;
}

static void step(void) {
    steps++;
    if (steps == stop_at || steps % every == 0)
        hand_over();
}

static bool is_one(const struct tally *t) {
    int64_t bytes = 0, blocks = 0;
    for (unsigned c = 0; c < WHY_CLASSES; c++) {
        bytes += t->bytes[c];
        blocks += t->blocks[c];
    }
    return bytes == LARGE && blocks == 1;
}

int main(void) {
    static struct tally t;
    unsigned wrong = 0, most;
    book           = calloc(1, sizeof *book);
    if (!book)
        return 1;
    book->slots_used = SLOTS;
    count(owner, false);
    tally_read(book, &t);
    most = steps;
    OK(is_one(&t), "a block is there");
    for (unsigned i = 0; i < 2 * most; i++) { /* each step twice: there, and back */
        steps   = 0;
        stop_at = 1 + i / 2;
        tally_read(book, &t);
        wrong += !is_one(&t);
    }
    IS(wrong, 0, "... once, whenever it goes from thread to thread");
    steps   = 0;
    stop_at = 0;
    every   = 1;
    tally_read(book, &t);
    OK(steps <= READINGS * most, "who never rests is read all the same");
    every = 1 << 30;
    tally_read(book, &t);
    OK(is_one(&t), "... and is right when it does");
    free(book);
    return tap_done();
}
