/* snapshot: a store of 22 MiB in values of 64 B to 1 KiB, which are replaced at random. Every 1024
 * replacements it forks. The child holds the store as it was, until the next fork, while the parent
 * goes on. So redis and others save their data, and so servers that fork a process for each task.
 *
 * After a fork each page that is written is copied by the kernel (copy on write). Good: the
 * allocator writes into pages that the program writes into anyway. Bad: its own books lie in every
 * page, and a free, or the fork itself, copies pages that the program did not touch.
 *
 * The forks are part of the time. The child makes no call of the allocator. */
#include "places.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PLACES    = 65536,
    WARM_UP   = 2 * PLACES,
    MIN_BYTES = 64,
    OCTAVES   = 4,
    MAX_BYTES = MIN_BYTES << OCTAVES,
    EVERY     = 1024, /* operations, over all threads */
};

struct books {
    struct held held[PLACES];
    pid_t child; /* holds the last snapshot; 0: there is none */
};

static bool end_child(struct worker *w, struct books *b) {
    int status = 0;
    if (!b->child)
        return true;
    kill(b->child, SIGKILL);
    const pid_t ended = waitpid(b->child, &status, 0);
    const bool killed = ended == b->child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    b->child          = 0;
    if (!killed)
        block_fail(w, "fork", "the child of a fork ended by itself, with status 0x%x", status);
    return killed;
}

static bool snapshot(struct worker *w, struct books *b) {
    if (!end_child(w, b))
        return false;
    const pid_t parent = getpid();
    b->child           = fork();
    if (b->child < 0) {
        b->child = 0;
        block_fail(w, "environment", "no process can be made: fork fails");
        return false;
    }
    if (b->child == 0) { /* it ends with the thread that made it, whatever ends that */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent)
            pause();
        _exit(1);
    }
    return true;
}

STREAM_INLINE bool replace_value(struct worker *w, struct step op, bool verify) {
    struct books *b       = w->memory;
    const uint64_t random = step_random(op, 0);
    const uint32_t place  = step_place(op, (uint32_t)(random >> 32), PLACES);
    const uint32_t size   = draw_octaves((uint32_t)random, MIN_BYTES, OCTAVES);
    if (!op.before && op.number % EVERY == EVERY - 1 && !snapshot(w, b))
        return false;
    w->digest += (random | 1) * size;
    return held_replace(w, &b->held[place], place, size, verify);
}

static void warm_up(struct worker *w, bool verify_it) {
    places_warm_up(w, WARM_UP, replace_value, verify_it);
}

static void run(struct worker *w) {
    places_run(w, replace_value, false);
    end_child(w, w->memory);
}

static void verify(struct worker *w) {
    places_run(w, replace_value, true);
    end_child(w, w->memory);
}

PLACES_INSPECT
PLACES_DRAIN

const struct workload workload_snapshot = {
    .name        = "snapshot",
    .group       = "time",
    .summary     = "64 B to 1 KiB replaced at random, a fork every 1024 operations; 65536 live",
    .stresses    = "pages that are written after a fork, and so copied",
    .ops         = 1000000,
    .quick_ops   = 200000,
    .brief_ops   = 10000,
    .live_blocks = PLACES,
    PLACES_MEMBERS,
};
