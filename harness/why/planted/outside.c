/* Memory by mmap, which malloc knows nothing of.
 *
 * expect: outside
 * arguments: MIB of each mapping, MAPPINGS
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const size_t size  = (argc > 1 ? strtoul(argv[1], NULL, 10) : 4) << 20;
    const size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 10;
    for (size_t i = 0; i < count; i++) {
        char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(at, 1, size);
        free(malloc(1000));
        usleep(20000);
    }
    usleep(800000);
    _exit(0);
}
