/* malloc that fails sets errno to zero.
 * caught-by: check
 *   errno.never_zero at never_zero "%s of %zu bytes gave %p and set errno to 0"
 *   errno.malloc at right "gave NULL and %s %s"
 *   limits.address_space_at_start at fail_cleanly "gave NULL and errno" */
#include "family.h"

static void *zeroing_malloc(size_t size) {
    void *block = malloc(size);
    errno       = block ? errno : 0;
    return block;
}

FAULTY_FAMILY(.malloc = zeroing_malloc);
