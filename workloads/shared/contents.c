#include "contents.h"

#include <string.h>

/* SplitMix64: Steele, Lea, Flood, OOPSLA 2014. */
uint64_t contents_mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* Words that differ from place to place, so that a block that moved by some bytes is found, too. */
static uint64_t word_at(uint64_t key, size_t word) {
    return contents_mix(key) + word * 0xd1342543de82ef95;
}

void contents_fill(void *block, size_t size, uint64_t key) {
    unsigned char *bytes = block;
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        const uint64_t word = word_at(key, at / sizeof word);
        memcpy(bytes + at, &word, size - at < sizeof word ? size - at : sizeof word);
    }
}

size_t contents_intact(const void *block, size_t size, uint64_t key) {
    const unsigned char *bytes = block;
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        const uint64_t word = word_at(key, at / sizeof word);
        const size_t part   = size - at < sizeof word ? size - at : sizeof word;
        if (memcmp(bytes + at, &word, part) == 0)
            continue;
        for (size_t i = 0; i < part; i++)
            if (bytes[at + i] != (unsigned char)(word >> 8 * i))
                return at + i;
    }
    return size;
}

size_t contents_zero(const void *block, size_t size) {
    const unsigned char *bytes = block;
    for (size_t at = 0; at < size; at++)
        if (bytes[at])
            return at;
    return size;
}
