/* The inputs that checks generate: which they are, and a sample of them against all. */
#include "boundaries.h"
#include "tap.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t sizes[BOUNDARIES_SIZES], others[BOUNDARIES_SIZES];
static struct product products[BOUNDARIES_PRODUCTS];

static bool has(size_t count, size_t size) {
    for (size_t i = 0; i < count; i++)
        if (sizes[i] == size)
            return true;
    return false;
}

static void samples(void) {
    enum { OF = 8, INPUTS = 8000 };
    struct check_run one = {.seed = 1}, all = {.whole = true};
    unsigned taken = 0, taken_of_all = 0;
    for (unsigned i = 0; i < INPUTS; i++) {
        taken += check_takes(&one, OF);
        taken_of_all += check_takes(&all, OF);
    }
    OK(taken > INPUTS / OF / 2 && taken < INPUTS / OF * 2, "about one in %d is taken: %u", OF,
       taken);
    OK(taken_of_all == INPUTS, "in a whole run each is");
}

static void sizes_at_boundaries(void) {
    static const size_t always[] = {SIZE_MAX,        SIZE_MAX - 1,      SIZE_MAX - 15,
                                    SIZE_MAX - 63,   SIZE_MAX - 64,     SIZE_MAX - 100,
                                    SIZE_MAX - 4095, SIZE_MAX - 4096,   SIZE_MAX - (1 << 20),
                                    PTRDIFF_MAX,     (size_t)1 << 63,   ((size_t)1 << 63) + 1,
                                    PTRDIFF_MAX - 1, (size_t)1 << 62,   ((size_t)1 << 57) + 1,
                                    (size_t)1 << 48, ((size_t)1 << 47), ((size_t)1 << 47) - 1,
                                    (size_t)1 << 32};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const size_t count =
            boundaries_sizes(&(struct check_run){.seed = seed}, BOUNDARIES_OVER_LIMIT, sizes);
        for (size_t i = 0; i < sizeof always / sizeof *always; i++)
            if (!has(count, always[i]))
                OK(false, "seed %u has %#zx", (unsigned)seed, always[i]);
        const size_t whole =
            boundaries_sizes(&(struct check_run){.whole = true}, BOUNDARIES_OVER_LIMIT, others);
        OK(count > 300 && count * 2 < whole && whole < BOUNDARIES_SIZES,
           "a sample has %zu sizes, the whole %zu", count, whole);
    }
    const size_t high =
        boundaries_sizes(&(struct check_run){.seed = 1}, BOUNDARIES_NO_OBJECT, sizes);
    bool none = false;
    for (size_t i = 0; i < high; i++)
        none = none || sizes[i] < BOUNDARIES_NO_OBJECT;
    OK(high > 200 && !none, "none of %zu is below what was asked for", high);
}

static void sums_wrap(void) {
    for (size_t alignment = 1; alignment; alignment *= 2) {
        size_t wraps       = 0;
        const size_t count = boundaries_of_alignment(alignment, others);
        for (size_t i = 0; i < count; i++)
            wraps += others[i] + alignment < alignment;
        if (!wraps || count > BOUNDARIES_OF_ALIGNMENT)
            OK(false, "with an alignment of %zu, %zu of %zu sums wrap", alignment, wraps, count);
    }
    OK(true, "a sum with each alignment wraps around");
}

/* What they wrap to, as a library sees it that does not look at the carry. */
static void products_wrap(void) {
    size_t tiny = 0, zero = 0, one = 0, whole = 0, swapped = 0;
    const size_t count = boundaries_products(products);
    for (size_t i = 0; i < count; i++) {
        size_t product;
        const bool wraps = __builtin_mul_overflow(products[i].count, products[i].size, &product);
        zero += wraps && !product;
        one += wraps && product == 1; /* of odd factors */
        tiny += wraps && product && product <= 4096;
        whole += !wraps && product >= BOUNDARIES_NO_OBJECT;
        swapped += products[i].count > products[i].size;
        if (!wraps && product < BOUNDARIES_NO_OBJECT)
            OK(false, "%zu * %zu could be granted", products[i].count, products[i].size);
    }
    OK(count < BOUNDARIES_PRODUCTS && zero > 20 && tiny > 200 && whole > 20,
       "of %zu products, %zu are 0 and %zu small; %zu do not wrap", count, zero, tiny, whole);
    OK(one > 20, "%zu products of odd factors are 1", one);
    OK(swapped > count / 3 && swapped < count / 3 * 2, "the larger factor is first or last");
}

static void ends(void) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *three =
        mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(three + 2 * page, page);
    OK(boundaries_has_ends(three, 2 * page), "an object whose ends are there");
    OK(!boundaries_has_ends(three, 2 * page + 1), "one without its last byte");
    OK(!boundaries_has_ends(three, SIZE_MAX), "one that wraps around");
}

int main(void) {
    samples();
    sizes_at_boundaries();
    sums_wrap();
    products_wrap();
    ends();
    return tap_done();
}
