/* A burst of blocks is freed, and the allocator keeps the memory: the newest block lies above.
 *
 * expect: kept
 * arguments: SIZE of a block, MIB of all
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const size_t size  = argc > 1 ? strtoul(argv[1], NULL, 10) : 300;
    const size_t mib   = argc > 2 ? strtoul(argv[2], NULL, 10) : 40;
    const size_t count = (mib << 20) / size;
    void **block       = malloc(count * sizeof *block);
    for (size_t i = 0; i < count; i++)
        block[i] = memset(malloc(size), 1, size);
    void *last = malloc(100);
    usleep(200000);
    for (size_t i = 0; i < count; i++)
        free(block[i]);
    free(block);
    usleep(1000000);
    free(last);
    _exit(0);
}
