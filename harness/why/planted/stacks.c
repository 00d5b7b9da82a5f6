/* Threads that go deep into recursion, and wait there.
 *
 * expect: stacks
 * arguments: MIB of each stack, THREADS
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t mib = 4, threads = 8;

// NOLINTNEXTLINE(misc-no-recursion): deep stacks are what it is for
__attribute__((noinline)) static int dive(size_t left) {
    volatile char frame[16 << 10];
    memset((char *)frame, (int)left, sizeof frame);
    if (left > sizeof frame)
        return dive(left - sizeof frame) + frame[0];
    usleep(900000);
    return frame[1];
}

static void *work(void *arg) {
    usleep(100000);
    dive(mib << 20);
    return arg;
}

int main(int argc, char **argv) {
    pthread_t thread[64];
    pthread_attr_t attributes;
    mib     = argc > 1 ? strtoul(argv[1], NULL, 10) : mib;
    threads = argc > 2 ? strtoul(argv[2], NULL, 10) : threads;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (mib + 1) << 20);
    for (size_t i = 0; i < threads; i++)
        pthread_create(&thread[i], &attributes, work, NULL);
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    return 0;
}
