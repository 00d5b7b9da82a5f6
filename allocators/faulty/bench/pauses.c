/* Each millionth malloc of the process searches for as long as most of the others take together.
 * exposed-by: seldom instructions base 1 */
#include "base.h"

#include <stdatomic.h>

enum { MILLION = 1000000, STEPS = 150 * MILLION };

static void *pause_malloc(size_t size) {
    static atomic_uint calls; /* relaxed: the number is all there is to it */
    if (atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) % MILLION == MILLION - 1)
        base_search(STEPS);
    return base_malloc(size);
}

BASE_OPERATORS
BASE_FAMILY(.malloc = pause_malloc);
