#include "hold.h"

#ifdef GOMALLOC_HARDENED

#include "guard.h"
#include "quarantine.h"

struct hold_class hold_classes[SPAN_CLASSES];
uint16_t hold_list[SMALL_MAX / 8];

static unsigned waiting(unsigned bytes) {
    unsigned n = QUARANTINE_SLOTS;
    while (n > QUARANTINE_LEAST && n * bytes > QUARANTINE_BYTES)
        n /= 2;
    return n;
}

/* Tells of a long slot how far the second half of its second piece lies behind the first. */
static unsigned half_of(unsigned bytes) {
    const unsigned others = QUARANTINE_BEGIN + QUARANTINE_HALF + QUARANTINE_END;
    const unsigned far    = bytes > others ? bytes - others : 0;
    return far < QUARANTINE_HALF ? far : QUARANTINE_HALF;
}

/* Where the first half lies, the n-th place: in each quarter of what comes behind the begin is one.
 * Where slots begin with a line of the processor's cache, the second piece is a line. */
static unsigned second_of(unsigned bytes, unsigned n) {
    if (bytes <= QUARANTINE_KNOWN)
        return bytes - QUARANTINE_HALF < QUARANTINE_BEGIN ? bytes - QUARANTINE_HALF
                                                          : QUARANTINE_BEGIN;
    const bool is_line    = bytes % QUARANTINE_LINE == 0;
    const unsigned step   = is_line ? QUARANTINE_LINE : 16;
    const unsigned first  = is_line ? QUARANTINE_LINE : QUARANTINE_BEGIN;
    const unsigned latest = bytes - QUARANTINE_END - 2 * QUARANTINE_HALF;
    const unsigned places = (latest - first) / step + 1;
    const unsigned from = places * n / HOLD_PLACES, end = places * (n + 1) / HOLD_PLACES;
    const uint64_t random = seal_bits(bytes * HOLD_PLACES + n) >> 32;
    return first + (from + (unsigned)(random * (end - from) >> 32)) * step;
}

static struct hold_class class_of(unsigned bytes) {
    struct hold_class k = {.bytes   = (uint16_t)bytes,
                           .last    = (uint16_t)(bytes - hold_offset(bytes) - HOLD_TAIL_MOST),
                           .waiting = (uint16_t)(waiting(bytes) - 1)};
    if (bytes <= HOLD_SHORT_SLOT)
        return k;
    k.half = (uint16_t)half_of(bytes);
    for (unsigned i = 0; i < HOLD_PLACES; i++)
        k.second[i] = (uint16_t)second_of(bytes, i);
    return k;
}

void hold_begin(void) {
    assert(class_to_size[HOLD_SPANCLASS_WIDE / 2 - 1] == HOLD_SHORT_SLOT);
    hold_classes[0] = class_of(QUARANTINE_WITHIN);
    hold_classes[1] = class_of(GUARD_LEAST);
    for (unsigned i = 2; i < SPAN_CLASSES; i++)
        hold_classes[i] = class_of(class_to_size[i / 2]);
    for (unsigned i = 0; i < SMALL_MAX / 8; i++) {
        const unsigned most  = 8 * i + 7;
        const unsigned space = most <= HOLD_SHORT ? HOLD_NARROW : HOLD_WIDE;
        const unsigned class = size_to_class(most + space + HOLD_TAIL_LEAST);
        hold_list[i]         = (uint16_t)(2 * class * HOLD_LIST_BYTES);
    }
}

#endif
