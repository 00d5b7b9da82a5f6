/* Of many blocks, a few survive, spread over all pages.
 *
 * expect: fragmentation
 * arguments: SIZE of a block, MIB of all, one in EVERY survives
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const size_t size  = argc > 1 ? strtoul(argv[1], NULL, 10) : 200;
    const size_t mib   = argc > 2 ? strtoul(argv[2], NULL, 10) : 32;
    const size_t every = argc > 3 ? strtoul(argv[3], NULL, 10) : 20;
    const size_t count = (mib << 20) / size;
    void **block       = malloc(count * sizeof *block);
    for (size_t i = 0; i < count; i++)
        block[i] = memset(malloc(size), 1, size);
    usleep(200000);
    for (size_t i = 0; i < count; i++)
        if (i % every)
            free(block[i]);
    usleep(1000000);
    _exit(0);
}
