/* Writes before the begin of a block: where many allocators keep what they know of it. */
#include "misuse.h"

static void write_before(struct misuse_run *m, size_t bytes) {
    unsigned char *block = misuse_block(m);
    if (misuse_now(m, MISUSE_ACCESS, "a write before the begin of a block"))
        misuse_scribble(block - bytes, bytes);
    misuse_free_and_audit(m, block, "free of that block");
}

MISUSE(underflow_one, .name = "underflow.one", .weakness = "CWE-124",
       .summary = "a write of 1 byte before the begin of a block; free") {
    write_before(m, 1);
}

MISUSE(underflow_eight, .name = "underflow.eight", .weakness = "CWE-124",
       .summary = "a write of 8 bytes before the begin of a block; free") {
    write_before(m, 8);
}

MISUSE(underflow_sixteen, .name = "underflow.sixteen", .weakness = "CWE-124",
       .summary = "a write of 16 bytes before the begin of a block; free") {
    write_before(m, 16);
}

MISUSE(underflow_bit, .name = "underflow.bit", .weakness = "CWE-124",
       .summary = "one random bit of the 16 bytes before a block is flipped; free") {
    unsigned char *block = misuse_block(m);
    const size_t bit     = misuse_random(m, 128);
    if (misuse_now(m, MISUSE_ACCESS, "a flip of one bit before the begin of a block")) {
        volatile unsigned char *byte = block - 1 - bit / 8;
        *byte ^= (unsigned char)(1u << bit % 8);
    }
    misuse_free_and_audit(m, block, "free of that block");
}
