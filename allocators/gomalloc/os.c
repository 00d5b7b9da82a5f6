#include "os.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17; older kernels take the address as a hint */
#endif

/* Who gets an address from the kernel comes after who gave it up: the kernel's lock sees to that.
 * ThreadSanitizer knows it of mmap and munmap, but takes no notice of mremap. */
#ifdef __SANITIZE_THREAD__
void __tsan_acquire(void *);
void __tsan_release(void *);
static char kernel;
#define GIVES_ADDRESSES_UP() __tsan_release(&kernel)
#define GOT_ADDRESSES()      __tsan_acquire(&kernel)
#else
#define GIVES_ADDRESSES_UP() ((void)0)
#define GOT_ADDRESSES()      ((void)0)
#endif

_Atomic int64_t os_maps_left = OS_NO_LIMIT;

bool os_may_map(void) {
    if (atomic_load_explicit(&os_maps_left, memory_order_relaxed) == OS_NO_LIMIT)
        return true;
    return atomic_fetch_sub_explicit(&os_maps_left, 1, memory_order_relaxed) > 0;
}

/* Without a promise (MAP_NORESERVE): the heap takes more than it will touch. */
static void *map(uintptr_t address, size_t bytes, int flags) {
    const int saved = errno;
    void *memory    = os_may_map() ? mmap(os_pointer(address), bytes, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0)
                                   : MAP_FAILED;
    errno           = saved;
    return memory == MAP_FAILED ? NULL : memory;
}

void *os_map(size_t bytes) {
    return map(0, bytes, MAP_NORESERVE);
}

/* Cuts what lies before and behind the aligned part off. */
static void *map_surplus(size_t bytes, size_t alignment, int flags) {
    if (bytes > SIZE_MAX - alignment)
        return NULL;
    char *memory = map(0, bytes + alignment, flags);
    if (!memory)
        return NULL;
    const size_t before = -(uintptr_t)memory & (alignment - 1);
    if (before)
        os_unmap(memory, before);
    os_unmap(memory + before + bytes, alignment - before);
    return memory + before;
}

void *os_map_aligned(size_t bytes, size_t alignment) {
    return map_surplus(bytes, alignment, MAP_NORESERVE);
}

/* Linux gives out addresses downwards. If its choice is not aligned, the place a bit lower is
 * mostly free, and costs no surplus that the kernel would have to promise, too. */
void *os_map_promised(size_t bytes, size_t alignment) {
    uintptr_t at = 0;
    for (int attempt = 0; attempt < 2; attempt++) {
        void *memory = map(at, bytes, 0);
        if (!memory)
            return NULL;
        if ((uintptr_t)memory % alignment == 0)
            return memory;
        os_unmap(memory, bytes);
        at = (uintptr_t)memory & -alignment;
    }
    return map_surplus(bytes, alignment, 0);
}

enum os_growth os_grow(void *memory, size_t had, size_t bytes) {
    const int saved   = errno;
    const bool grown  = mremap(memory, had, bytes, 0) != MAP_FAILED;
    const bool in_way = errno == ENOMEM;
    errno             = saved;
    GOT_ADDRESSES();
    return grown ? OS_GROWN : in_way ? OS_NO_ROOM : OS_SPLIT;
}

/* A growth by one page asks that, too. It fails, for something is behind: mostly the same mapping.
 */
bool os_is_one_mapping(void *memory, size_t bytes) {
    const enum os_growth grown = os_grow(memory, bytes, bytes + os_page_bytes());
    if (grown == OS_GROWN)
        os_unmap((char *)memory + bytes, os_page_bytes());
    return grown != OS_SPLIT;
}

bool os_move(void *memory, size_t had, void *to, size_t bytes) {
    GIVES_ADDRESSES_UP();
    const int saved  = errno;
    const bool moved = mremap(memory, had, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED;
    errno            = saved;
    return moved;
}

bool os_map_at(uintptr_t address, size_t bytes) {
    void *memory = map(address, bytes, MAP_NORESERVE | MAP_FIXED_NOREPLACE);
    if (memory && (uintptr_t)memory != address) {
        os_unmap(memory, bytes);
        memory = NULL;
    }
    return memory;
}

void os_unmap(void *memory, size_t bytes) {
    const int saved = errno;
    munmap(memory, bytes);
    errno = saved;
}

/* Is it not whole pages of the kernel's? */
static bool is_part(const void *memory, size_t bytes) {
    return ((uintptr_t)memory | bytes) & (os_page_bytes() - 1);
}

bool os_release(void *memory, size_t bytes) {
    if (is_part(memory, bytes))
        return false;
    const int saved = errno;
    const int code  = madvise(memory, bytes, MADV_DONTNEED);
    errno           = saved;
    return code == 0;
}

bool os_protect(void *memory, size_t bytes, bool usable) {
    if (is_part(memory, bytes))
        return false;
    const int saved = errno;
    const int code  = mprotect(memory, bytes, usable ? PROT_READ | PROT_WRITE : PROT_NONE);
    errno           = saved;
    return code == 0;
}

void os_no_huge_pages(void *memory, size_t bytes) {
    const int saved = errno;
    if (madvise(memory, bytes, MADV_NOHUGEPAGE) != 0)
        errno = saved; /* a kernel without huge pages */
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t os_now_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t os_about_now_ns(void) {
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

void os_rest(void) {
    const struct timespec rest = {.tv_nsec = 50000};
    const int saved            = errno;
    syscall(SYS_nanosleep, &rest, NULL);
    errno = saved;
}

size_t os_page_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t fold(uint64_t a, uint64_t b) {
    const __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* The constants are those of wyhash, whose mixing this is: odd, and 32 of their bits set. */
uint64_t os_random(enum os_random_use use) {
    uint64_t seed[2];
    const void *random = os_pointer(getauxval(AT_RANDOM));
    if (!random)
        return 0;
    memcpy(seed, random, sizeof seed);
    const uint64_t mixed =
        fold(seed[0] ^ 0xa0761d6478bd642fu,
             seed[1] ^ fold((uint64_t)use ^ 0xe7037ed1a0b428dbu, 0x8ebc6af09c88c6e3u));
    return fold(mixed ^ 0x589965cc75374cc3u, (uint64_t)use ^ 0xe7037ed1a0b428dbu);
}

bool os_is_randomised(void) {
    const int saved = errno;
    const int now   = personality(0xffffffff); /* asks only */
    errno           = saved;
    return now == -1 || !(now & ADDR_NO_RANDOMIZE);
}

void os_say(const char *text) {
    const int saved = errno;
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        errno = saved; /* there is nobody left to tell */
    errno = saved;
}

void os_die(const char *what, const void *address) {
    static const char digit[] = "0123456789abcdef";
    char text[160]            = "gomalloc: ";
    size_t n                  = strlen(text);
    for (; *what && n < sizeof text - 24; what++)
        text[n++] = *what;
    text[n++] = ':';
    text[n++] = ' ';
    text[n++] = '0';
    text[n++] = 'x';
    int shift = 8 * sizeof address - 4;
    while (shift > 0 && ((uintptr_t)address >> shift) == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        text[n++] = digit[(uintptr_t)address >> shift & 15];
    text[n++] = '\n';
    text[n]   = '\0';
    os_say(text);
    /* relaxed: of two threads that die, either may be the first. A handler of the signal that
     * allocates, and so comes here again, has had its turn. */
    static atomic_bool dying;
    if (atomic_exchange_explicit(&dying, true, memory_order_relaxed))
        signal(SIGABRT, SIG_DFL);
    abort();
}
