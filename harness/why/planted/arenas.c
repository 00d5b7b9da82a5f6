/* One thread after another fills its own arena and empties it but for a little; all live on.
 *
 * expect: arenas
 * arguments: SIZE of a block, MIB of each thread, THREADS
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t size = 1000, mib = 8, threads = 8;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all;

static void *work(void *arg) {
    const size_t count = (mib << 20) / size;
    void **block       = malloc(count * sizeof *block);
    pthread_barrier_wait(&all); /* each has an arena of its own before any is busy */
    pthread_mutex_lock(&turn);
    for (size_t i = 0; i < count; i++)
        block[i] = memset(malloc(size), 1, size);
    usleep(20000);
    void *last = malloc(64); /* keeps the top of the arena where it is */
    for (size_t i = 0; i < count; i++)
        free(block[i]);
    pthread_mutex_unlock(&turn);
    pthread_barrier_wait(&all);
    usleep(700000);
    free(last);
    free(block);
    return arg;
}

int main(int argc, char **argv) {
    pthread_t thread[64];
    size    = argc > 1 ? strtoul(argv[1], NULL, 10) : size;
    mib     = argc > 2 ? strtoul(argv[2], NULL, 10) : mib;
    threads = argc > 3 ? strtoul(argv[3], NULL, 10) : threads;
    pthread_barrier_init(&all, NULL, (unsigned)threads);
    for (size_t i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, work, NULL);
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    return 0;
}
