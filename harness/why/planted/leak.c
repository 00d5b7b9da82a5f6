/* Several threads work; one of them, called "leaker", forgets blocks.
 *
 * expect: leak
 * arguments: SIZE of a block, MIB that leak, THREADS
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t size = 56, mib = 24, threads = 3;

static void *leak(void *arg) {
    pthread_setname_np(pthread_self(), "leaker");
    for (size_t part = 0; part < 100; part++) {
        for (size_t left = (mib << 20) / 100; left > size; left -= size)
            memset(malloc(size), 1, size);
        usleep(20000);
    }
    return arg;
}

static void *work(void *arg) {
    void *block[1000] = {0};
    for (size_t part = 0; part < 100; part++) {
        for (size_t i = 0; i < 1000; i++) {
            free(block[i]);
            block[i] = malloc(16 + (i * 37 + part) % 300);
        }
        usleep(20000);
    }
    for (size_t i = 0; i < 1000; i++)
        free(block[i]);
    return arg;
}

int main(int argc, char **argv) {
    pthread_t thread[64];
    size    = argc > 1 ? strtoul(argv[1], NULL, 10) : size;
    mib     = argc > 2 ? strtoul(argv[2], NULL, 10) : mib;
    threads = argc > 3 ? strtoul(argv[3], NULL, 10) : threads;
    for (size_t i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, i ? work : leak, NULL);
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    return 0;
}
