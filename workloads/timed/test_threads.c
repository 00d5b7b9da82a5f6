/* What the headers of the group `threads` promise. Who frees whose blocks? Whose blocks lie in one
 * cache line? Where do sizes come from, and what has a sleeper on its stack? */
#include "tap.h"
#include "test_crew.h"

#include <stdint.h>
#include <unistd.h>

#define W(name) extern const struct workload workload_##name;
#include "workloads.inc"
#undef W

/* --- an allocator that knows who allocated what --- */

struct head {
    _Alignas(16) unsigned thread; /* which is never that of a later one, unlike an address */
};

static _Thread_local unsigned self; /* from 1 on */
static atomic_uint threads_seen;
static struct {
    atomic_size_t frees, foreign;
    atomic_size_t stack_bytes; /* the most that a call of malloc found in use */
    atomic_size_t sizes[2];    /* requests of TABLED bytes, and of others */
} seen;

enum { TABLED = 77 };

static size_t stack_in_use(void) {
    pthread_attr_t attributes;
    void *stack  = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        abort();
    pthread_attr_getstack(&attributes, &stack, &bytes);
    pthread_attr_destroy(&attributes);
    return (size_t)((char *)stack + bytes - (char *)&attributes);
}

static unsigned number(void) {
    if (!self)
        self = atomic_fetch_add(&threads_seen, 1) + 1;
    return self;
}

static void *headed_malloc(size_t size) {
    const bool again  = self;
    struct head *head = malloc(sizeof *head + size);
    if (!head)
        abort();
    head->thread = number();
    atomic_fetch_add(&seen.sizes[size != TABLED], 1);
    if (!again && stack_in_use() > atomic_load(&seen.stack_bytes)) /* one thread at a time */
        atomic_store(&seen.stack_bytes, stack_in_use());
    return head + 1;
}

static void headed_free(void *block) {
    struct head *head = block;
    if (!head)
        return;
    atomic_fetch_add(&seen.frees, 1);
    atomic_fetch_add(&seen.foreign, head[-1].thread != number());
    free(head - 1);
}

static const struct allocator headed = {
    .abi = ALLOCATOR_ABI, .malloc = headed_malloc, .free = headed_free};

static void forget_seen(struct worker *w) {
    if (w->thread)
        return;
    atomic_store(&seen.frees, 0);
    atomic_store(&seen.foreign, 0);
    atomic_store(&seen.stack_bytes, 0);
    atomic_store(&seen.sizes[0], 0);
    atomic_store(&seen.sizes[1], 0);
}

static void run(const struct workload *load, uint64_t ops, unsigned threads) {
    if (!crew.after_warm_up)
        crew.after_warm_up = forget_seen;
    const struct outcome o = crew_run(load, &headed, 7, ops, threads, false);
    OK(!*o.failed_check, "%s: passes%s%s", load->name, *o.failure ? ": " : "", o.failure);
    crew.after_warm_up = NULL;
}

/* Of all frees from the end of the warm-up on, those of the live set included, so many per cent are
 * of a block of another thread. */
static void test_foreign(const struct workload *load, uint64_t ops, unsigned least, unsigned most) {
    run(load, ops, 2);
    const size_t share = 100 * seen.foreign / seen.frees;
    OK(share >= least && share <= most, "%s: %zu %% of frees are another thread's; %u to %u",
       load->name, share, least, most);
}

/* --- where sizes come from --- */

static void put_table(struct worker *w) {
    uint16_t *size = w->memory;
    forget_seen(w);
    for (size_t i = 0; i < crew.load->memory_bytes / sizeof *size; i++)
        size[i] = TABLED;
}

static void test_tabled(const struct workload *load) {
    crew.after_warm_up = put_table;
    run(load, 2000, 2);
    OK(seen.sizes[0] == 2000 && seen.sizes[1] == 0,
       "%s: sizes are drawn in the warm-up, not in the time", load->name);
}

/* --- an allocator whose threads keep what they free, by sizes of 8 bytes, last in, first out ---
 */

enum { ARENA = 1 << 20, CLASSES = 4, LINE = 64 };
static _Alignas(LINE) unsigned char arena[ARENA];
static atomic_size_t used, given;
static atomic_uchar threads_of[ARENA / LINE]; /* bits of the threads that got a block in a line */
static _Thread_local unsigned char *kept[CLASSES];
static _Thread_local unsigned bit;
static atomic_uint bits;
static atomic_size_t shared_lines;

static unsigned char class_at[ARENA / 8]; /* of the block that begins there */

static void *keeping_malloc(size_t size) {
    const size_t class   = (size + 7) / 8 - 1;
    unsigned char *block = kept[class];
    if (!bit)
        bit = 1u << atomic_fetch_add(&bits, 1);
    if (block)
        memcpy(&kept[class], block, sizeof kept[0]);
    else
        block = arena + atomic_fetch_add(&used, 8 * (class + 1));
    const size_t line             = (size_t)(block - arena) / LINE;
    const unsigned of             = atomic_fetch_or(&threads_of[line], (unsigned char)bit) | bit;
    class_at[(block - arena) / 8] = (unsigned char)class;
    atomic_fetch_add(&given, 1);
    atomic_fetch_add(&shared_lines, (of & (of - 1)) != 0);
    return block;
}

static void keeping_free(void *block) {
    const size_t class = class_at[((unsigned char *)block - arena) / 8];
    memcpy(block, &kept[class], sizeof kept[0]);
    kept[class] = block;
}

static const struct allocator keeping = {
    .abi = ALLOCATOR_ABI, .malloc = keeping_malloc, .free = keeping_free};

static void forget_given(struct worker *w) {
    (void)w;
    atomic_store(&given, 0);
    atomic_store(&shared_lines, 0);
}

/* With such an allocator, threads go on in the lines that they were given. A few of the first are
 * got before the other thread has got any. */
static void test_passive(void) {
    enum { OPS = 4000 };
    crew.after_warm_up     = forget_given;
    const struct outcome o = crew_run(&workload_false_sharing_passive, &keeping, 7, OPS, 2, false);
    crew.after_warm_up     = NULL;
    OK(!*o.failed_check, "false_sharing_passive: passes");
    OK(given >= OPS * 9 / 10 && used <= 2 * 8 * 16,
       "false_sharing_passive: all blocks are those that the first thread gave (%zu bytes)", used);
    OK(shared_lines >= OPS / 4, "false_sharing_passive: in lines of two threads (%zu of %zu)",
       shared_lines, given);
}

int main(void) {
    alarm(200); /* one that hangs ends here, by a signal */
    test_foreign(&workload_larson, 2 * 65536, 70, 100);
    test_foreign(&workload_hand_over_pairs, 4000, 100, 100);
    test_foreign(&workload_hand_over_many, 4000, 100, 100);
    test_foreign(&workload_hand_over_all, 4000, 100, 100);
    test_foreign(&workload_message_ring, 4000, 99, 100);
    test_foreign(&workload_thread_churn, 64, 5, 8);
    test_foreign(&workload_batches_lifo, 4000, 0, 0);
    test_foreign(&workload_batches_random, 4000, 0, 0);
    test_foreign(&workload_lock_convoy, 4000, 0, 0);
    test_tabled(&workload_hand_over_pairs);
    test_tabled(&workload_hand_over_many);
    test_tabled(&workload_hand_over_all);
    test_tabled(&workload_message_ring);
    test_passive();
    run(&workload_idle_threads, 8, 1);
    OK(seen.stack_bytes && seen.stack_bytes < 12 << 10,
       "idle_threads: a sleeper has %zu bytes on its stack, which stay resident", seen.stack_bytes);
    return tap_done();
}
