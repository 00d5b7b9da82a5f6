#include "seal.h"

#ifdef GOMALLOC_HARDENED

#include "os.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

struct seal_secrets seal_secrets = {.factor = 1, .inverse = 1};

uint64_t seal_random(void) {
    const int error = errno;
    uint64_t bits;
    /* The C library's function would be a point of cancellation. */
    if (syscall(SYS_getrandom, &bits, sizeof bits, GRND_NONBLOCK) != sizeof bits)
        bits = os_random(RANDOM_SEALS) + os_now_ns();
    errno = error;
    return bits;
}

/* Newton's method: each step doubles the bits that are right, of 3 at first. */
static uint64_t inverse_of(uint64_t odd) {
    uint64_t inverse = odd;
    for (unsigned bits = 3; bits < 64; bits *= 2)
        inverse *= 2 - odd * inverse;
    return inverse;
}

void seal_begin(void) {
    const uint64_t factor = seal_random() | 1;
    seal_secrets          = (struct seal_secrets){.header  = seal_random(),
                                                  .before  = seal_random(),
                                                  .tail    = seal_random(),
                                                  .places  = seal_random(),
                                                  .free    = seal_random(),
                                                  .factor  = factor,
                                                  .inverse = inverse_of(factor)};
}

#endif
