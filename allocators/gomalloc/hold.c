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

static struct hold_class class_of(unsigned bytes) {
    struct hold_class k = {.bytes   = (uint16_t)bytes,
                           .last    = (uint16_t)(bytes - hold_offset(bytes) - HOLD_TAIL_MOST),
                           .waiting = (uint16_t)(waiting(bytes) - 1)};
    if (bytes > QUARANTINE_PIECE) {
        const bool is_long = bytes > 2 * QUARANTINE_PIECE;
        k.second           = (uint16_t)(is_long ? QUARANTINE_PIECE : bytes - QUARANTINE_PIECE);
        k.places           = (uint16_t)((bytes - QUARANTINE_PIECE - k.second) / 16 + 1);
    }
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
