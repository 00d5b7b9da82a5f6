/* valloc knows no pages; what pvalloc gives belongs to two; and their rounding wraps around.
 * caught-by: check
 *   valloc.aligned at pages "gave"
 *   valloc.whole_pages at pages "changed"
 *   valloc.overflow valloc.pvalloc_overflow at overflows "gave" */
#include "family.h"

enum { PAGE = 4096 };

static size_t round_up(size_t size) {
    return (size + PAGE - 1) & -(size_t)PAGE;
}

void *valloc(size_t size) {
    const size_t rounded = round_up(size);
    unsigned char *block = malloc(rounded < size ? rounded : size + 16);
    return block ? block + 16 : NULL;
}

void *pvalloc(size_t size) {
    static unsigned char pool[2 * PAGE] __attribute__((aligned(PAGE)));
    return round_up(size) <= PAGE ? pool : memalign(PAGE, round_up(size));
}

FAULTY_FAMILY();
