/* Memory and counters against what the test itself does and reads. */
#include "tap.h"
#include "test_pages.h"
#include "usage.h"

#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, BLOCK = 16 * MIB, NEAR = 2 * MIB }; /* pages of the C library come in, too */

static bool near(uint64_t a, uint64_t b) {
    return a < b + NEAR && b < a + NEAR;
}

/* A field of /proc/self/statm, in bytes: 0 is the address space, 1 the resident set. */
static uint64_t statm(int field) {
    char text[200] = "", *at = text;
    const int fd   = open("/proc/self/statm", O_RDONLY);
    uint64_t value = 0;
    if (read(fd, text, sizeof text - 1) > 0)
        for (int i = 0; i <= field; i++)
            value = strtoull(at, &at, 10);
    close(fd);
    return value * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void test_memory(void) {
    const struct memory start = memory_now();
    const uint64_t vsz = statm(0), rss = statm(1);
    OK(start.rss > 0 && start.vsz > start.rss, "memory can be read");
    IS(start.vsz, vsz, "vsz is the address space that the kernel says");
    OK(near(start.rss, rss) || start.rss > rss,
       "rss is the resident set that the kernel says, which may lag");
    OK(start.rss_peak >= start.rss && start.vsz_peak >= start.vsz, "peaks are not below");
    IS(start.threads, 1, "threads of the process");
    IS(start.lazyfree, 0, "nothing is freed lazily");
    IS(start.swap, 0, "nothing is swapped out");
    OK(start.pss > 0 && start.pss <= start.rss, "what is shared counts less in pss");
    OK(start.page_tables > 0 && start.page_tables < NEAR, "page tables are the kernel's");

    unsigned char *reserved       = pages(1 << 30, PROT_NONE);
    const struct memory with_room = memory_now();
    OK(near(with_room.vsz, start.vsz + (1 << 30)), "reserved memory is in vsz");
    OK(near(with_room.rss, start.rss), "and not in rss");
    OK(near(with_room.writable, start.writable), "nor in what may be written");
    OK(near(with_room.reserved, start.reserved + (1 << 30)), "it is what is reserved");
    OK(with_room.rss_peak < 1 << 30, "nor in the peak of rss");
    munmap(reserved, 1 << 30);

    unsigned char *block = pages(BLOCK, READ_WRITE);
    OK(near(memory_now().rss, start.rss), "mapped memory is not in rss");
    memset(block, 1, BLOCK);
    const struct memory full = memory_now();
    OK(near(full.rss, start.rss + BLOCK), "written memory is");
    OK(near(full.vsz, start.vsz + BLOCK), "and in vsz");
    OK(near(full.writable, start.writable + BLOCK), "and in what may be written");
    OK(near(full.reserved, start.reserved), "and is not reserved");
    OK(near(full.pss, start.pss + BLOCK), "and in pss, for nobody shares it");
    OK(full.page_tables >= start.page_tables + BLOCK / 1024, "its page table has 8 bytes a page");
    OK(full.rss_peak >= full.rss, "the peak of rss is not below");
    OK(full.vsz_peak >= with_room.vsz, "the peak of vsz remembers what was reserved");

    madvise(block, BLOCK / 2, MADV_FREE);
    const struct memory lazy = memory_now();
    OK(lazy.lazyfree <= BLOCK / 2 && lazy.lazyfree + NEAR >= BLOCK / 2, "MADV_FREE is lazyfree");
    OK(near(lazy.rss, full.rss), "and stays in rss");
    munmap(block, BLOCK);
    const struct memory end = memory_now();
    OK(near(end.rss, start.rss) && near(end.vsz, start.vsz), "what is unmapped is in neither");
    OK(end.rss_peak + NEAR >= full.rss && end.rss_peak > end.rss + BLOCK / 2,
       "the peak of rss remembers it");
}

/* /proc/self/status lists the groups before it comes to memory. */
static void test_groups(void) {
    enum { GROUPS = 2000 };
    static gid_t group[GROUPS];
    const int before = getgroups(GROUPS, group);
    gid_t own[GROUPS];
    memcpy(own, group, sizeof own);
    for (unsigned i = 0; i < GROUPS; i++)
        group[i] = 1000000 + i;
    if (before < 0 || setgroups(GROUPS, group) != 0) {
        tap_skip("a user of many groups", "only root may be in any group");
        return;
    }
    const struct memory m = memory_now();
    setgroups((size_t)before, own);
    OK(m.vsz > m.rss && m.rss_peak > 0 && m.page_tables > 0 && m.threads == 1,
       "a user of many groups: vsz %llu, page tables %llu, %llu threads", (unsigned long long)m.vsz,
       (unsigned long long)m.page_tables, (unsigned long long)m.threads);
}

/* Every second page of one mapping is made unreadable, so that the kernel splits it. */
static void test_mappings(void) {
    enum { PAGES = 512, SIZE = 4096 };
    unsigned char *room        = pages(PAGES * SIZE, READ_WRITE);
    const struct memory before = memory_now();
    for (size_t i = 1; i < PAGES; i += 2)
        mprotect(room + i * SIZE, SIZE, PROT_NONE);
    const struct memory split = memory_now();
    /* The last page may grow together with what lies behind it. */
    OK(split.mappings - before.mappings >= PAGES - 2 && split.mappings - before.mappings < PAGES,
       "each mapping counts, also where the file is longer than what is read at once");
    IS(split.reserved - before.reserved, PAGES / 2 * SIZE, "and each reserved page");
    IS(split.vsz, before.vsz, "while vsz stays");
    munmap(room, PAGES * SIZE);
}

/* Huge pages come only where the kernel gives them on demand and has some. */
static void test_huge(void) {
    enum { SIZE = 32 * MIB, HUGE = 2 * MIB };
    unsigned char *room =
        mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *at = room + (-(uintptr_t)room & (HUGE - 1));
    IS(memory_now().huge, 0, "no huge pages at first");
    madvise(room, SIZE, MADV_HUGEPAGE);
    memset(at, 1, HUGE);
    const uint64_t huge = memory_now().huge;
    OK(huge == 0 || huge == HUGE, "a huge page is in huge");
    if (!huge)
        printf("# the kernel gave no huge page, so that the number itself is not checked\n");
    munmap(room, SIZE);
}

static uint64_t cpu_ns(const struct rusage *u) {
    return (uint64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1000u;
}

static bool between(uint64_t low, uint64_t value, uint64_t high) {
    return low <= value && value <= high;
}

enum { BURN_US = 30000, NAPS = 50, FAULTS = 1000 };

/* Until both user and system time are there, and both kinds of switches differ. */
static void use_everything(void) {
    struct rusage u;
    do {
        unsigned char *p = pages(FAULTS * 4096, READ_WRITE);
        for (size_t i = 0; i < FAULTS; i++)
            p[i * 4096] = 1;
        munmap(p, FAULTS * 4096);
        for (volatile unsigned i = 0; i < 1000000; i++)
            continue;
        getrusage(RUSAGE_SELF, &u);
    } while (u.ru_utime.tv_sec == 0 && u.ru_stime.tv_sec == 0 &&
             (u.ru_utime.tv_usec < BURN_US || u.ru_stime.tv_usec < BURN_US));
    for (int i = 0; i < NAPS; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static void test_counters(void) {
    const struct counters start = counters_now();
    use_everything();
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    const struct counters c = counters_now();
    getrusage(RUSAGE_SELF, &after);
    OK(between(cpu_ns(&before), c.cpu_ns, cpu_ns(&after)), "cpu_ns is user and system time");
#define COUNTS(member, field)                                                                      \
    OK(between((uint64_t)before.field, c.member, (uint64_t)after.field), #member " is " #field)
    COUNTS(minor_faults, ru_minflt);
    COUNTS(major_faults, ru_majflt);
    COUNTS(voluntary_switches, ru_nvcsw);
    COUNTS(involuntary_switches, ru_nivcsw);
#undef COUNTS
    OK(c.minor_faults >= FAULTS && c.major_faults < FAULTS, "faults without the disk are minor");
    OK(c.voluntary_switches >= NAPS / 2, "a thread that waits switches of its own will");

    const struct counters since = counters_since(&start), now = counters_now();
#define DIFFERS(member)                                                                            \
    OK(between(c.member - start.member, since.member, now.member - start.member),                  \
       "counters_since is the difference: " #member)
    DIFFERS(cpu_ns);
    DIFFERS(minor_faults);
    DIFFERS(major_faults);
    DIFFERS(voluntary_switches);
    DIFFERS(involuntary_switches);
#undef DIFFERS
}

/* As a library under test may define them. */
static unsigned calls_of_ours;
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc's have reserved names
long syscall(long number, ...) {
    (void)number;
    calls_of_ours++;
    return -1;
}

int main(void) {
    test_memory();
    test_groups();
    test_mappings();
    test_huge();
    test_counters();
    IS(calls_of_ours, 0, "all this without the function syscall, which a library may define");
    return tap_done();
}
