/* The size classes against the rules of sizeclasses.h, and against numbers of Go's own table
 * (src/runtime/sizeclasses.go). */
#include "mspan.h"
#include "tap.h"

/* Bytes of an object, of a span, objects, tail waste: the lines of Go's table, from class 1 on. */
static const struct {
    unsigned size, span, objects, tail;
} go[] = {
    // clang-format off
    {8, 8192, 1024, 0}, {16, 8192, 512, 0}, {24, 8192, 341, 8}, {32, 8192, 256, 0},
    {48, 8192, 170, 32}, {64, 8192, 128, 0}, {80, 8192, 102, 32}, {96, 8192, 85, 32},
    {112, 8192, 73, 16}, {128, 8192, 64, 0}, {144, 8192, 56, 128}, {160, 8192, 51, 32},
    {176, 8192, 46, 96}, {192, 8192, 42, 128}, {208, 8192, 39, 80}, {224, 8192, 36, 128},
    {240, 8192, 34, 32}, {256, 8192, 32, 0}, {288, 8192, 28, 128}, {320, 8192, 25, 192},
    {352, 8192, 23, 96}, {384, 8192, 21, 128}, {416, 8192, 19, 288}, {448, 8192, 18, 128},
    {480, 8192, 17, 32}, {512, 8192, 16, 0}, {576, 8192, 14, 128}, {640, 8192, 12, 512},
    {704, 8192, 11, 448}, {768, 8192, 10, 512}, {896, 8192, 9, 128}, {1024, 8192, 8, 0},
    {1152, 8192, 7, 128}, {1280, 8192, 6, 512}, {1408, 16384, 11, 896}, {1536, 8192, 5, 512},
    {1792, 16384, 9, 256}, {2048, 8192, 4, 0}, {2304, 16384, 7, 256}, {2688, 8192, 3, 128},
    {3072, 24576, 8, 0}, {3200, 16384, 5, 384}, {3456, 24576, 7, 384}, {4096, 8192, 2, 0},
    {4864, 24576, 5, 256}, {5376, 16384, 3, 256}, {6144, 24576, 4, 0}, {6528, 32768, 5, 128},
    {6784, 40960, 6, 256}, {6912, 49152, 7, 768}, {8192, 8192, 1, 0}, {9472, 57344, 6, 512},
    {9728, 49152, 5, 512}, {10240, 40960, 4, 0}, {10880, 32768, 3, 128}, {12288, 24576, 2, 0},
    {13568, 40960, 3, 256}, {14336, 57344, 4, 0}, {16384, 16384, 1, 0}, {18432, 73728, 4, 0},
    {19072, 57344, 3, 128}, {20480, 40960, 2, 0}, {21760, 65536, 3, 256}, {24576, 24576, 1, 0},
    {27264, 81920, 3, 128}, {28672, 57344, 2, 0}, {32768, 32768, 1, 0},
    // clang-format on
};

static void test_table(void) {
    unsigned differ = 0;
    IS(sizeof go / sizeof *go, SIZE_CLASSES - 1, "as many classes as in Go");
    for (unsigned c = 1; c < SIZE_CLASSES; c++) {
        const unsigned span = class_to_pages[c] * (unsigned)PAGE_BYTES;
        differ += class_to_size[c] != go[c - 1].size || span != go[c - 1].span ||
                  span / class_to_size[c] != go[c - 1].objects ||
                  span % class_to_size[c] != go[c - 1].tail;
    }
    IS(differ, 0, "each class is Go's");
    unsigned wrong = 0;
    for (unsigned c = 1; c < SIZE_CLASSES; c++) {
        const unsigned span = class_to_pages[c] * (unsigned)PAGE_BYTES;
        wrong += span % class_to_size[c] > span / 8 || class_to_size[c] <= class_to_size[c - 1] ||
                 class_to_pages[c] > SPAN_MAX_PAGES || span / class_to_size[c] > SPAN_MAX_SLOTS;
        for (unsigned n = 0; n <= span; n++)
            wrong += n / class_to_size[c] != (uint64_t)n * class_to_magic[c] >> 32;
    }
    IS(wrong, 0, "classes ascend, tails are at most an eighth, multiplication divides exactly");
}

static void test_lookup(void) {
    unsigned wrong = 0, wrong_list = 0;
    for (unsigned size = 1; size <= SIZE_MAX_SMALL; size++) {
        unsigned c = 1;
        while (class_to_size[c] < size)
            c++;
        wrong += size_to_class(size) != c;
        if (size <= SMALL_MAX)
            wrong_list += size_to_list[size] != (c == 3 ? 4 : c) * 2 * 16;
    }
    IS(wrong, 0, "each size from 1 to 32768 has the smallest class that holds it");
    IS(wrong_list, 0, "so has malloc's table, but for 17 to 24 bytes, which get 32");
    IS(size_to_class(0), 1, "no bytes are served as one");
}

/* An object of n bytes may hold one that wants the largest power of two in n, at most 16. */
static void test_alignment(void) {
    unsigned wrong = 0;
    for (unsigned size = 1; size <= SMALL_MAX; size++) {
        unsigned alignment = 16;
        while (alignment > size)
            alignment /= 2;
        wrong += class_to_size[size_to_list[size] / 32] % alignment != 0;
    }
    IS(wrong, 0, "the class of each size is aligned for every C object of that size");
}

int main(void) {
    test_table();
    test_lookup();
    test_alignment();
    return tap_done();
}
