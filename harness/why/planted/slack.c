/* Requests of a size that the allocator has to round up by much.
 *
 * expect: slack
 * arguments: SIZE of a block, MIB of all
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 25;
    const size_t mib  = argc > 2 ? strtoul(argv[2], NULL, 10) : 32;
    for (size_t left = mib << 20; left > size; left -= size)
        memset(malloc(size), 1, size);
    usleep(1000000);
    _exit(0);
}
