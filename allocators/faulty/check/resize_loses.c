/* realloc loses the first byte of a block where the new size is one
 * above a multiple of 16, as one that counts its header twice there.
 * caught-by: check
 *   history.realloc history.reallocarray at resized "or lost bytes" */
#include "family.h"

static void *losing_realloc(void *old, size_t size) {
    unsigned char *moved = sound_realloc(old, size);
    if (old && moved && size % 16 == 1)
        moved[0] ^= 0xff;
    return moved;
}

static void *losing_reallocarray(void *old, size_t count, size_t size) {
    unsigned char *moved = sound_reallocarray(old, count, size);
    if (old && moved && count * size % 16 == 1)
        moved[0] ^= 0xff;
    return moved;
}

FAULTY_FAMILY(.realloc = losing_realloc, .reallocarray = losing_reallocarray);
