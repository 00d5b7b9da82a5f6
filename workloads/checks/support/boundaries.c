#include "boundaries.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

_Static_assert(sizeof(size_t) == 8, "no address space has so much");

struct list {
    size_t *size;
    size_t count, most, least;
};

static void add(struct list *l, size_t size) {
    if (size >= l->least && l->count < l->most)
        l->size[l->count++] = size;
}

/* By odd multiples of each power of two, as classes, pages and headers have them; one less and one
 * more. `anchor` 0 is 2^64, above which is nothing. `always`: the powers of two themselves. */
enum { FARTHEST = 22, MOST_ODD = 7, SAMPLED = 16 };

static void around(struct check_run *c, struct list *l, size_t anchor, bool always) {
    for (unsigned shift = 0; shift <= FARTHEST; shift++)
        for (size_t odd = 1; odd <= MOST_ODD; odd += 2)
            for (int more = -1; more <= 1; more++) {
                const size_t distance = (odd << shift) + (size_t)more;
                const bool nearest    = always && odd == 1;
                if (distance && (nearest || check_takes(c, SAMPLED)))
                    add(l, anchor - distance);
                if (anchor && (nearest || check_takes(c, SAMPLED)))
                    add(l, anchor + distance);
            }
    if (anchor)
        add(l, anchor);
}

static size_t memory(void) {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : (size_t)1 << 40;
}

size_t boundaries_sizes(struct check_run *c, size_t least, size_t *size) {
    enum { LOWEST = 31, SIZE_BITS = 64 };
    struct list l = {.most = BOUNDARIES_SIZES, .least = least};
    l.size        = size;
    around(c, &l, 0, true);
    around(c, &l, (size_t)1 << (SIZE_BITS - 1), true);
    /* by a decimal number, as people choose them; glibc bug 22343 is at such a place */
    for (size_t distance = 90; distance <= 112; distance++)
        add(&l, SIZE_MAX - distance);
    for (unsigned bit = LOWEST; bit < SIZE_BITS - 1; bit++) {
        const size_t power = (size_t)1 << bit, page = (size_t)sysconf(_SC_PAGESIZE);
        const bool bounds   = bit == 32 || bit == 47 || bit == 48; /* 4 GiB, and of addresses */
        const size_t near[] = {0, 1, 8, 16, page - 1, page};
        for (size_t i = 0; i < sizeof near / sizeof *near; i++)
            if (i < 2 || check_takes(c, 2)) {
                add(&l, power + near[i]);
                add(&l, power - near[i]);
            }
        if (bounds)
            around(c, &l, power, false);
    }
    around(c, &l, memory(), false);
    return l.count;
}

size_t boundaries_of_alignment(size_t alignment, size_t *size) {
    static const size_t ends[] = {0, (size_t)1 << 63, 0 - (size_t)4096, 0 - (size_t)65536};
    struct list l              = {.most = BOUNDARIES_OF_ALIGNMENT, .least = BOUNDARIES_NO_OBJECT};
    l.size                     = size;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (size_t times = 1; times <= 2; times++)
            for (size_t more = 0; more <= 6; more++) /* from 3 below to 3 above */
                add(&l, ends[i] - times * alignment + more - 3);
    return l.count;
}

/* --- products --- */

/* The inverse of an odd number, modulo 2^64: by Newton's method, each step doubles the bits. */
static size_t inverse(size_t odd) {
    size_t x = odd; /* right in 3 bits */
    for (unsigned bits = 3; bits < 64; bits *= 2)
        x *= 2 - odd * x;
    return x;
}

static size_t pair(struct product *p, size_t n, size_t count, size_t size) {
    size_t product;
    if (!__builtin_mul_overflow(count, size, &product) && product < BOUNDARIES_NO_OBJECT)
        return n;
    if (n + 2 > BOUNDARIES_PRODUCTS)
        return n;
    p[n++] = (struct product){count, size};
    p[n++] = (struct product){size, count};
    return n;
}

/* Factors whose product with this one is `wrapped`, modulo 2^64. */
static size_t wraps_to(struct product *p, size_t n, size_t factor, size_t wrapped) {
    const unsigned zeros = (unsigned)__builtin_ctzll(factor);
    if (wrapped & (((size_t)1 << zeros) - 1))
        return n; /* no product is */
    const size_t least = (wrapped >> zeros) * inverse(factor >> zeros);
    const size_t step  = zeros ? (size_t)1 << (64 - zeros) : 0; /* to the next such factor */
    n                  = pair(p, n, zeros ? least % step : least, factor);
    return step ? pair(p, n, least % step + step, factor) : n;
}

size_t boundaries_products(struct product *p) {
    static const size_t wrapped[] = {0, 1, 8, 16, 24, 100, 1024, 4096, 65536, 1 << 20};
    static const size_t factors[] = {2,
                                     3,
                                     4,
                                     5,
                                     6,
                                     7,
                                     8,
                                     9,
                                     10,
                                     12,
                                     15,
                                     16,
                                     17,
                                     24,
                                     32,
                                     48,
                                     64,
                                     100,
                                     255,
                                     256,
                                     1000,
                                     4095,
                                     4096,
                                     4097,
                                     65535,
                                     65536,
                                     65537,
                                     1 << 20,
                                     ((size_t)1 << 31) - 1,
                                     (size_t)1 << 31,
                                     ((size_t)1 << 31) + 1,
                                     UINT32_MAX,
                                     (size_t)1 << 32,
                                     ((size_t)1 << 32) + 1,
                                     ((size_t)1 << 33) + 1,
                                     ((size_t)1 << 47) + 1,
                                     SIZE_MAX / 2,
                                     SIZE_MAX / 2 + 1,
                                     SIZE_MAX - 1,
                                     SIZE_MAX};
    size_t n                      = 0;
    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
        for (size_t w = 0; w < sizeof wrapped / sizeof *wrapped; w++)
            n = wraps_to(p, n, factors[f], wrapped[w]);
        for (size_t more = 0; more <= 2; more++) /* the last that does not wrap, and the next */
            n = pair(p, n, SIZE_MAX / factors[f] + more, factors[f]);
        n = pair(p, n, factors[f], factors[f]);
    }
    return pair(p, n, SIZE_MAX - 15, 1);
}

/* --- what could be granted --- */

void boundaries_limit(const struct check_run *c, bool on) {
    static struct rlimit before;
    static bool limited;
    enum { LEFT = 1 << 30 };
    if (!on) {
        if (limited)
            setrlimit(RLIMIT_AS, &before);
        limited = false;
        return;
    }
    c->a->free(c->a->malloc(1));
    if (getrlimit(RLIMIT_AS, &before) != 0)
        return;
    struct rlimit less = before;
    less.rlim_cur      = check_vsz() + LEFT;
    limited            = less.rlim_cur < before.rlim_cur && setrlimit(RLIMIT_AS, &less) == 0;
}

bool boundaries_has_ends(void *block, size_t size) {
    const int saved = errno;
    const int zero =
        open("/dev/zero", O_RDONLY | O_CLOEXEC); /* which says EFAULT where it faults */
    const bool good = zero < 0 || (read(zero, block, 1) == 1 &&
                                   read(zero, (unsigned char *)block + size - 1, 1) == 1);
    if (zero >= 0)
        close(zero);
    errno = saved;
    return good;
}
