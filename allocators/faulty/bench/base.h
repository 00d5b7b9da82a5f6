/* What slow and fat allocators are made from: the C library's, with thresholds that do not move,
 * and with operator new and delete. `base` is the yardstick; each other one is it but for one
 * habit.
 *
 * The first comment of one says `exposed-by:` WORKLOAD MEASURE. harness/test/test_exposed.py
 * demands that the workload shows it better than any other does. */
#ifndef SPANBENCH_BASE_H
#define SPANBENCH_BASE_H

#include "operators.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BASE_MMAP_THRESHOLD = 128 << 10, BASE_PAGE = 4096 };

/* Blocks from here on are mappings, whatever was freed before: M_MMAP_THRESHOLD of mallopt(3). */
__attribute__((constructor)) static void base_begin(void) {
    mallopt(M_MMAP_THRESHOLD, BASE_MMAP_THRESHOLD);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

/* Many samples for one start of valgrind, which takes longer than most of them do. With
 * BASE_SAMPLES="WORKLOAD OPS THREADS …" in the environment, each is a copy of this process as it
 * is before main, with these words in the command `--run W --ops N --seed S --threads T`. After
 * each comes a line with its number of process and its status, as waitpid(2) gives them. */
__attribute__((constructor)) static void base_begin_samples(int argc, char **argv) {
    enum { WORKLOAD = 2, OPS = 4, THREADS = 8 };
    char *const samples = getenv("BASE_SAMPLES"), *rest = NULL;
    if (!samples || argc <= THREADS)
        return;
    argv[WORKLOAD] = strtok_r(samples, " ", &rest);
    while (argv[WORKLOAD]) {
        int status        = 0;
        argv[OPS]         = strtok_r(NULL, " ", &rest);
        argv[THREADS]     = strtok_r(NULL, " ", &rest);
        const pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            return;
        }
        waitpid(child, &status, 0);
        dprintf(STDOUT_FILENO, "%d %d\n", child, status);
        argv[WORKLOAD] = strtok_r(NULL, " ", &rest);
    }
    _exit(0);
}

static inline void *base_malloc(size_t size) {
    return malloc(size);
}

/* The operators of this one are malloc and free. */
// NOLINTBEGIN(bugprone-macro-parentheses): two functions, not an expression
#define BASE_OPERATORS                                                                             \
    void *op_new(size_t alignment, size_t size) {                                                  \
        return alignment ? aligned_alloc(alignment, size) : malloc(size);                          \
    }                                                                                              \
    void op_delete(void *block) {                                                                  \
        free(block);                                                                               \
    }
// NOLINTEND(bugprone-macro-parentheses)

#define BASE_FAMILY(...) FAULTY_FAMILY(.malloc = base_malloc, __VA_ARGS__)

/* Work that a search would be. */
static inline void base_search(unsigned steps) {
    for (unsigned i = 0; i < steps; i++)
        __asm__ volatile("");
}

/* A block of another place, with what the old one had; as every realloc may do it. */
static inline void *base_move(void *old, size_t had, size_t size) {
    void *block = malloc(size);
    if (block && old) {
        memcpy(block, old, had < size ? had : size);
        free(old);
    }
    return block;
}

#endif
