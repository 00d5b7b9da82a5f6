/* What a program has set up for its signals stays so. lifecycle.c has signals that interrupt. */
#include "alarms.h"
#include "check.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned char *stack;
static size_t stack_size;
static atomic_uint ticks, elsewhere; /* relaxed: the ticker is of the thread that reads them */

static void on_tick(int number) {
    const uintptr_t at = (uintptr_t)&number;
    atomic_fetch_add_explicit(&ticks, 1, memory_order_relaxed);
    if (at - (uintptr_t)stack >= stack_size)
        atomic_fetch_add_explicit(&elsewhere, 1, memory_order_relaxed);
}

CHECK(
    alternate_stack, .name = "signal.alternate_stack", .kind = CHECK_REQUIRED,
    .profiles = PROFILES_POSIX,
    .clause   = "POSIX.1-2024 sigaltstack, sigaction SA_ONSTACK, pthread_sigmask",
    .summary = "signals during malloc and free arrive on a small alternate stack; mask as before") {
    enum { TICKS = 300, HELD = 64, ROOM = 4096 };
    static void *held[HELD];
    /* of a sigset_t, the C library writes no more bits than there are signals */
    sigset_t before = {{0}}, after = {{0}};
    stack_size = (size_t)sysconf(_SC_MINSIGSTKSZ) + ROOM;
    stack      = mmap(NULL, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = stack_size}, NULL))
        return check_unsupported(c, "there is no alternate stack of %zu bytes", stack_size);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    timer_t ticker; /* of this thread, as the stack is, and the mask */
    if (!alarms_begin(&ticker, on_tick, SA_ONSTACK | SA_RESTART))
        return check_unsupported(c, "there is no timer whose signals are for one thread");
    while (atomic_load_explicit(&ticks, memory_order_relaxed) < TICKS) {
        const size_t i = check_random(c) % HELD;
        c->a->free(held[i]);
        held[i] = c->a->malloc(1 + check_random(c) % (check_random(c) % 20 ? 3000 : 600000));
        MUST(c, held[i] != NULL, "a block", "malloc gave NULL");
        memset(held[i], 1, 1);
    }
    alarms_end(ticker);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    const unsigned astray = atomic_load_explicit(&elsewhere, memory_order_relaxed);
    MUST(c, !astray, "handlers on the alternate stack", "%u of %d signals arrived on another",
         astray, TICKS);
    MUST(c, memcmp(&before, &after, sizeof before) == 0, "the mask of signals as it was",
         "malloc or free changed the mask of signals");
}
