/* A few bytes are written in each 2 MiB of large blocks, and huge pages make all of it resident.
 *
 * expect: huge, if the kernel has such pages; else it says so
 * arguments: MIB of the block, BLOCKS
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

int main(int argc, char **argv) {
    const size_t huge   = 2 << 20;
    const size_t size   = (argc > 1 ? strtoul(argv[1], NULL, 10) : 64) << 20;
    const size_t blocks = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    size_t looked = 0, given = 0;
    for (size_t b = 0; b < blocks; b++) {
        char *block       = malloc(size);
        const size_t skip = -(uintptr_t)block % huge;
        madvise(block + skip, size - skip, MADV_HUGEPAGE);
        for (size_t i = skip; i < size; i += huge)
            block[i] = 1;
        for (size_t i = skip; i < size; i += huge, looked++) {
            unsigned char there = 0; /* the next page, which nobody wrote to */
            mincore(block + i + PAGE, PAGE, &there);
            given += there & 1;
        }
    }
    if (given < looked / 4) {
        fputs("the kernel gave no huge pages: its free memory is in pieces\n", stderr);
        _exit(1);
    }
    usleep(900000);
    _exit(0);
}
