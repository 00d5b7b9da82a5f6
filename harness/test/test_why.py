"""spanbench why: is it a leak, fragmentation, or memory that the allocator keeps?"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional

import jsonschema

from driving import (
    BUILD,
    FIRST_ENDS,
    ROOT,
    SPANBENCH,
    cell_names,
    of_processes,
    run,
    slow,
    spanbench,
)
from trying import processes_with

SCHEMA = json.loads((ROOT / "results" / "why.schema.json").read_text())
PLANTED = sorted((ROOT / "harness" / "why" / "planted").glob("*.c"))
VERDICT = ROOT / "scripts" / "verdicts" / "why_verdict.py"

# Blocks by each function, some freed by another thread. Prints the usable bytes of what is left.
BOOKS = """
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
static void *block[8000];
static long count;
static void *make(long i) {
    void *p = NULL;
    const size_t size = 1 + (size_t)(i * 7919) % (i % 50 ? 900 : 300000);
    switch (i % 8) {
    case 0: return malloc(size);
    case 1: return calloc(3, size / 3 + 1);
    case 2: return realloc(malloc(size / 2 + 1), size);
    case 3: return posix_memalign(&p, 64, size) ? NULL : p;
    case 4: return aligned_alloc(128, (size + 127) & ~(size_t)127);
    case 5: return memalign(32, size);
    case 6: return reallocarray(malloc(10 * size), 1, size);
    default: return i % 16 == 7 ? valloc(size) : strdup("a text of the C library's own");
    }
}
static void *work(void *arg) {
    const long first = (long)(intptr_t)arg;
    for (long i = first; i < count; i += 4)
        block[i] = make(i);
    return NULL;
}
static void *drop(void *arg) {
    for (long i = 0; i < count; i += 3) {
        free(block[i]);
        block[i] = NULL;
    }
    return arg;
}
static void in_turn(void *(*what)(void *), long n) {
    pthread_t thread[4];
    for (long i = 0; i < n; i++)
        pthread_create(&thread[i], NULL, what, (void *)(intptr_t)i);
    for (long i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
}
int main(int argc, char **argv) {
    count = atol(argv[1]);
    in_turn(work, 4);
    in_turn(drop, 1);
    long sum = 0, blocks = 0;
    for (long i = 0; i < count; i++)
        if (block[i]) {
            sum += (long)malloc_usable_size(block[i]);
            blocks++;
        }
    dprintf(1, "%ld %ld\\n", sum, blocks);
    if (argc > 2 && fork() == 0) { /* the child has what the parent has, and frees half of it */
        for (long i = 0; i < count; i += 2)
            free(block[i]);
        exit(0);
    }
    wait(NULL);
    return 0;
}
"""
# Has 48 MiB; without a word, for as long as a look takes.
HAS_LATE = (
    """
#define LOOKED_AT gettid()
#include "await_look.h"
#include <string.h>
"""
    + FIRST_ENDS
    + """
static void go_on(const char *word) {
    const size_t size = 48 << 20;
    memset(malloc(size), 1, size);
    if (!word)
        await_look();
}
"""
)
# Four threads in rounds: each makes blocks of one size, frees most of what another one made the round
# before, and sizes change places. So pages get blocks of other sizes, and threads get addresses that
# others had. Prints the usable bytes of what is left.
MANY = """
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
enum { THREADS = 4, BLOCKS = 3000 };
static void *block[THREADS][BLOCKS];
static long rounds;
static pthread_barrier_t turn;
static void *work(void *arg) {
    const long me = (long)(intptr_t)arg;
    free(realloc(malloc(5), 500));
    pthread_barrier_wait(&turn); /* all live at once: the C library has blocks for each */
    for (long r = 0; r < rounds; r++) {
        void **mine = block[me], **other = block[(me + r) % THREADS];
        for (long i = 0; i < BLOCKS; i++)
            if (!mine[i]) {
                const size_t size = 1 + (size_t)((r * 7 + me) * 8 + (i % 5 ? 0 : i * 31)) % 1500;
                mine[i] = i % 7 ? malloc(size) : i % 2 ? calloc(1, size) : realloc(malloc(5), size);
            }
        pthread_barrier_wait(&turn);
        for (long i = 0; i < BLOCKS; i++)
            if (i % 97) {
                free(other[i]);
                other[i] = NULL;
            }
        pthread_barrier_wait(&turn);
    }
    return NULL;
}
int main(int argc, char **argv) {
    pthread_t thread[THREADS];
    long sum = (long)malloc_usable_size(NULL), blocks = 0;
    free(realloc(malloc(5), 500));
    rounds = atol(argv[1]) ? 25 : 0;
    pthread_barrier_init(&turn, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, work, (void *)(intptr_t)i);
    for (long i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (long i = 0; i < THREADS * BLOCKS; i++)
        if (block[i / BLOCKS][i % BLOCKS]) {
            sum += (long)malloc_usable_size(block[i / BLOCKS][i % BLOCKS]);
            blocks++;
        }
    dprintf(1, "%ld %ld\\n", sum, blocks);
    return 0;
}
"""
# An allocator that promises sizes, and breaks its word from the 20,000th block on.
LIAR = """
#include <stddef.h>
#include <string.h>
static _Alignas(4096) char memory[256 << 20];
static size_t used, blocks;
size_t nallocx(size_t n, int flags) { return (n + 15) / 16 * 16; }
size_t malloc_usable_size(void *p) { return p ? ((size_t *)p)[-1] : 0; }
void *aligned_alloc(size_t a, size_t n) {
    a = a < 16 ? 16 : a;
    n = nallocx(n, 0) + (++blocks > 20000 ? 16 : 0);
    const size_t at = (__atomic_fetch_add(&used, n + a + 16, 5) + a + 15) & ~(a - 1);
    if (at + n > sizeof memory) return NULL;
    ((size_t *)(memory + at))[-1] = n;
    return memory + at;
}
void *memalign(size_t a, size_t n) { return aligned_alloc(a, n); }
void *malloc(size_t n) { return aligned_alloc(16, n); }
void free(void *p) { }
void *calloc(size_t c, size_t n) { return malloc(c * n); }
int posix_memalign(void **to, size_t a, size_t n) { return !(*to = aligned_alloc(a, n)); }
void *realloc(void *p, size_t n) {
    const size_t old = malloc_usable_size(p);
    void *fresh = malloc(n);
    return fresh && p ? memcpy(fresh, p, old < n ? old : n) : fresh;
}
"""
# A malloc in the program, which frees nothing, or with -DNEXT calls the next one.
OWN = """
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
static _Alignas(16) char heap[256 << 20];
static size_t used;
void *malloc(size_t n) {
#ifdef NEXT
    static void *(*next)(size_t);
    if (!next)
        next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    return next(n);
#else
    void *p = heap + __atomic_fetch_add(&used, (n + 15) / 16 * 16, 5);
    return p;
#endif
}
#ifndef NEXT
void free(void *p) { }
void *calloc(size_t c, size_t n) { return malloc(c * n); }
void *realloc(void *p, size_t n) { return p ? memmove(malloc(n), p, n) : malloc(n); }
#endif
int main(void) {
    for (int i = 0; i < 60; i++) {
        memset(malloc(1 << 20), 1, 1 << 20);
        usleep(10000);
    }
    return 0;
}
"""
LINKED = """
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
NAMED
int main(void) {
    for (int i = 0; i < 60; i++) {
        memset(malloc(1 << 20), 1, 1 << 20);
        usleep(10000);
    }
    return 0;
}
"""
AWAIT_LOOK = """
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>
/* Each look opens this process's list of mappings once. The list stays open: else the kernel may forget what is
 * watched. */
#ifndef LOOKED_AT
#define LOOKED_AT getpid()
#endif
static int watch_looks(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)LOOKED_AT);
    open(path, O_RDONLY);
    const int watch = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(watch, path, IN_OPEN);
    return watch;
}
/* How many have begun since this was asked last; some may count as one. */
static int looks_begun(int watch) {
    char events[4096] __attribute__((aligned(8)));
    const ssize_t size = read(watch, events, sizeof events);
    int begun = 0;
    for (ssize_t at = 0; at < size; begun++)
        at += sizeof(struct inotify_event) + ((struct inotify_event *)(events + at))->len;
    return begun;
}
static void await_begun(int watch, int looks) {
    struct pollfd p = {watch, POLLIN, 0};
    while (looks > 0 && poll(&p, 1, 60000) > 0)
        looks -= looks_begun(watch);
}
/* Until a look has begun and ended: it is over when the next one begins, however busy the machine is. */
static void await_look(void) {
    const int watch = watch_looks();
    await_begun(watch, 2);
    close(watch);
}
"""
# What the planted programs rest by in place of usleep: also until somebody has looked for each 50 ms of it, as where
# looks are cheap.
RESTS = """
#include "await_look.h"
#include <pthread.h>
#include <time.h>
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}
static long looks_ever(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int watch;
    static long ever;
    pthread_mutex_lock(&lock);
    if (!watch)
        watch = watch_looks();
    const long all = ever += looks_begun(watch);
    pthread_mutex_unlock(&lock);
    return all;
}
static int rest(useconds_t us) {
    static __thread double owed; /* looks; short rests owe one together */
    static __thread long before;
    const double begin = now();
    if (owed == 0)
        before = looks_ever();
    owed += us / 50e3;
    const int due = owed;
    do
        usleep(us < 5000 ? us : 5000); /* shorter than between two looks */
    while (now() < begin + us / 1e6 || (looks_ever() < before + due && now() < begin + 100));
    if (due)
        owed = 0;
    return 0;
}
#define usleep rest
"""
# Children that live, and when 64 of them have been looked at, one more with 30 MiB. It leaves without a word,
# so only a look at it can have told. Each look opens its list of mappings.
POOL = """
#include "await_look.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
int main(int argc, char **argv) {
    int go[2], n = atoi(argv[1]);
    char byte;
    pipe(go);
    for (int i = 0; i <= n; i++) {
        if (i == n)
            await_look();
        if (fork())
            continue;
        close(go[1]);
        if (i == n) {
            memset(malloc(30 << 20), 1, 30 << 20);
            await_look();
            _exit(0);
        }
        read(go[0], &byte, 1);
        exit(0);
    }
    close(go[0]);
    wait(NULL);
    close(go[1]);
    while (wait(NULL) > 0)
        ;
    return 0;
}
"""
# Children that leave as soon as a look at them has begun. It is in the midst of thousands of mappings then. These lie
# behind the blocks and the book, for their library was there before. Behind all is the stack.
LEAVES = """
#include "await_look.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
char *get_wide(void);
int main(void) {
    for (int i = 0; i < 5; i++)
        if (fork() == 0) {
            const int watch = watch_looks();
            for (long page = 0; page < 8000; page += 2)
                mprotect(get_wide() + page * 4096, 4096, PROT_NONE);
            await_begun(watch, 1);
            usleep(5000);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    return 0;
}
"""
WIDE = "static char wide[8000 * 4096] __attribute__((aligned(4096))); char *get_wide(void) { return wide; }"
# An allocator of two libraries: this one takes memory, and has 4 MiB beside the blocks.
TAKES = """
#include <string.h>
#include <sys/mman.h>
#define MAP(n) mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
void *take(size_t n) {
    static char *at;
    static size_t left, calls;
    if (++calls == 500) /* before the first block, nobody counts */
        memset(MAP(4 << 20), 1, 4 << 20);
    if (n > left)
        at = MAP(left = n > 1 << 20 ? n : 1 << 20);
    left -= n;
    return (at += n) - n;
}
"""
# The other has malloc. It is linked with the first one, or with -DLOADED loads it.
GIVES = """
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#ifdef LOADED
static _Alignas(16) char early[1 << 20];
static size_t used;
static void *take(size_t n) {
    static void *(*found)(size_t);
    static int looks;
    if (!found && !looks++)
        found = (void *(*)(size_t))dlsym(dlopen(LOADED, RTLD_NOW), "take");
    return found ? found(n) : early + (used += n) - n;
}
#else
void *take(size_t n);
#endif
size_t malloc_usable_size(void *p) { return p ? ((size_t *)p)[-2] : 0; }
void *malloc(size_t n) {
    size_t *p = take((n = (n + 15) / 16 * 16) + 16);
    *p = n;
    return p + 2;
}
void free(void *p) { }
void *calloc(size_t c, size_t n) { return malloc(c * n); }
void *realloc(void *p, size_t n) {
    const size_t old = malloc_usable_size(p);
    void *fresh = malloc(n);
    return p ? memcpy(fresh, p, old < n ? old : n) : fresh;
}
"""
# 20 MB of blocks, and 8 MiB that the program maps itself, in turn.
BESIDE = """
#include "await_look.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv) {
    for (int i = 0; i < 1000; i++) {
        memset(malloc(20000), 1, 20000);
        if (i % 125 == 0)
            memset(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 1 << 20);
    }
    await_look();
    _exit(0);
}
"""
# 20,000 of 400,000 blocks of 100 bytes survive. There are more bytes in larger blocks, more blocks of 20 bytes side
# by side, and eight classes of others.
PINS = """
#include "await_look.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    static char *block[400000];
    for (int quarter = 10; quarter <= 20; quarter += quarter < 16 ? 2 : 4) /* of a MiB: never touched */
        malloc((size_t)quarter << 18), malloc((size_t)quarter << 19);
    for (int i = 0; i < 300000; i++)
        memset(malloc(20), 1, 20);
    for (int i = 0; i < 400000; i++)
        block[i] = memset(malloc(100), 1, 100);
    await_look();
    for (int i = 0; i < 400000; i++)
        if (i * 7919u % 20000 >= 1000)
            free(block[i]);
    for (int i = 0; i < 4; i++)
        await_look();
    _exit(0);
}
"""
# So many blocks of a size, of which each nth is written to, and of the others 20 bytes. With a fourth word, 30 MB of
# others are free then: so more memory is there than is live.
TOUCHED = """
#include "await_look.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
    const size_t count = atoi(argv[1]), size = atoi(argv[2]), nth = atoi(argv[3]);
    for (size_t i = 0; i < count; i++)
        memset(malloc(size), 1, i % nth ? 20 : size);
    static char *other[3000];
    for (int i = 0; i < 3000 && argc > 4; i++)
        other[i] = memset(malloc(10000), 1, 10000);
    for (int i = 0; i < 2999; i++) /* the last keeps the heap from shrinking */
        free(other[i]);
    await_look();
    _exit(0);
}
"""
# A heap that grows all the time. Prints what is resident at the end, in KiB: the most that ever was. (The kernel's own
# account of the most is off by some pages of each CPU.)
GROWS = """
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    char text[4096] = "";
    for (int i = 0; i < 12000; i++) {
        memset(malloc(5000), 1, 5000);
        usleep(50);
    }
    const int sums = open("/proc/self/smaps_rollup", O_RDONLY);
    if (read(sums, text, sizeof text - 1) <= 0)
        return 1;
    dprintf(1, "%ld\\n", atol(strstr(text, "Rss:") + 4));
    return 0;
}
"""
CXX = """
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <unistd.h>
struct alignas(64) Wide { char bytes[200]; };
int main() {
    for (int i = 0; i < 1000; i++) {
        delete new int;
        delete[] new char[100];
        delete new Wide;
        delete[] new Wide[3];
        delete new (std::nothrow) double;
        ::operator delete(::operator new(50), std::size_t(50));
    }
    if (!getenv("NO_THROW"))
        try { (void)::operator new(std::size_t(1) << 60); } catch (const std::bad_alloc &) { }
    new char[7777];
}
"""
# Stacks of threads beside blocks: the kernel makes one mapping of both.
NEIGHBOURS = """
#include "await_look.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static volatile int deep;
static void *end(void *arg) {
    free(malloc(100));
    return arg;
}
/* Asks for its stack before its first block: then the C library asks for memory, and holds a lock. */
static void *stay(void *arg) {
    volatile char frame[512 << 10];
    pthread_attr_t mine;
    pthread_getattr_np(pthread_self(), &mine);
    memset((char *)frame, 1, sizeof frame);
    deep = 1;
    for (;;)
        pause();
    return (void *)mine.__size;
}
int main(int argc, char **argv) {
    const size_t size = 60 << 20, own = 1 << 20;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    if (strcmp(argv[1], "ended") == 0) { /* malloc gets the addresses of its stack */
        pthread_attr_setstacksize(&attributes, 64 << 20);
        pthread_create(&thread, &attributes, end, NULL);
        pthread_join(thread, NULL);
    }
    char *above = malloc(size);
    if (strcmp(argv[1], "own") == 0) { /* a stack that the program maps itself */
        void *stack = mmap(NULL, own, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        pthread_attr_setstack(&attributes, stack, own);
        pthread_create(&thread, &attributes, stay, NULL);
        for (int tries = 0; !deep && tries < 20000; tries++)
            usleep(1000);
    }
    memset(above, 1, size);
    await_look();
    return 0;
}
"""
# Holds one large block at least, or two. Threads make it, and end; another frees it. Between the first slots
# and theirs are those of many threads that rest.
ENDS = """
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
enum { LARGE = 64 << 20, MANY = 200 };
static pthread_barrier_t all, made, freed;
static void *rest(void *block) {
    block = malloc(1);
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&all);
    return block;
}
static void *make(void *block) {
    block = malloc(LARGE);
    pthread_barrier_wait(&made);
    pthread_barrier_wait(&freed);
    usleep(100);
    return block;
}
int main(int argc, char **argv) {
    pthread_t t;
    void *block = malloc(LARGE);
    pthread_barrier_init(&all, NULL, MANY + 1);
    pthread_barrier_init(&made, NULL, 2);
    pthread_barrier_init(&freed, NULL, 2);
    for (int i = 0; i < MANY; i++)
        if (pthread_create(&t, NULL, rest, NULL))
            return 1;
    pthread_barrier_wait(&all);
    for (long i = 0; i < atol(argv[argc - 1]); i++) {
        if (pthread_create(&t, NULL, make, NULL))
            return 1;
        pthread_barrier_wait(&made);
        free(block);
        pthread_barrier_wait(&freed);
        pthread_join(t, &block);
        usleep(100);
    }
    return !block;
}
"""

ODD = """
#include "await_look.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char *kept = memset(malloc(4 << 20), 1, 4 << 20);
    if (strcmp(argv[1], "crash") == 0) {
        await_look();
        raise(SIGSEGV);
    } else if (strcmp(argv[1], "close") == 0) {
        for (int fd = 0; fd < 1000; fd++)
            close(fd);
        return 0; /* the last look sees the block */
    } else if (strcmp(argv[1], "daemon") == 0) {
        daemon(0, 0);
        usleep(30000000);
    } else if (strcmp(argv[1], "wait") == 0) {
        await_look();
        puts("looked at");
        fflush(stdout);
        usleep(30000000);
    } else if (strcmp(argv[1], "sleep") == 0) {
        usleep(30000000);
    } else if (strcmp(argv[1], "exec") == 0) {
        await_look();
        execl("/bin/sleep", "sleep", "0.05", NULL);
    }
    free(kept);
    return 0;
}
"""


class WhyTest(unittest.TestCase):
    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="spanbench-why-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        (cls.folder / "await_look.h").write_text(AWAIT_LOOK)
        (cls.folder / "rests.h").write_text(RESTS)

    @classmethod
    def build(cls, name: str, source: str, *flags: str, compiler: str = "gcc") -> Path:
        """A program of this source, built once."""
        program = cls.folder / name
        if not program.exists():
            path = cls.folder / f"{name}.{'cc' if '++' in compiler else 'c'}"
            path.write_text(source)
            words = [compiler, "-O1", "-w", "-D_GNU_SOURCE", "-fno-builtin", "-pthread", *flags]
            words.append(
                "-U_FORTIFY_SOURCE"
            )  # of Ubuntu's gcc: its memset is a built-in, and dropped
            done = run(*words, "-o", program, path)
            assert done.returncode == 0, done.stderr
        return program

    def why(self, *words: Any, code: int = 0, **options: Any) -> Any:
        """The document that it prints."""
        out = Path(tempfile.mkdtemp(dir=self.folder))
        done = spanbench("why", "--json", "--out", out, *words, **options)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout[-2000:])
        document = json.loads(done.stdout)
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        lines = done.stderr.splitlines(keepends=True)
        document["printed"] = "".join(x for x in lines if not x.startswith("spanbench: "))
        document["errors"] = done.stderr
        return document

    def assert_nothing_left(self) -> None:
        """No child and no folder of books."""
        left = run("pgrep", "-f", str(self.folder)).stdout.split()
        self.assertEqual([pid for pid in left if pid != str(os.getpid())], [])


def kind_of(folder: Path, program: Path, words: list[Any], *options: Any) -> tuple[str, str]:
    """What why_verdict.py says, and its report."""
    done = spanbench("why", "--out", folder, *options, "--", program, *words)
    kind = run(VERDICT, "--kind", folder / "latest-why").stdout.strip()
    return kind, done.stdout + done.stderr


def expected(source: Path) -> str:
    found = re.search(r"\* expect: (\w+)", source.read_text())
    assert found, source
    return found[1]


class Planted(WhyTest):
    SMALL: dict[str, list[int]] = {
        "leak": [56, 12, 2],
        "fragmentation": [200, 16, 20],
        "arenas": [1000, 4, 6],
        "burst": [300, 16],
        "huge": [32, 1],
        "outside": [2, 8],
        "stacks": [2, 6],
        "slack": [25, 8],
    }
    # Other sizes, counts and threads.
    OTHER: dict[str, list[list[int]]] = {
        "leak": [[1000, 40, 2], [5000, 60, 5]],
        "fragmentation": [[64, 20, 50], [2000, 60, 10]],
        "arenas": [[100, 6, 16], [3000, 10, 5]],
        "burst": [[60, 60], [8000, 60]],
        "huge": [[16, 5]],
        "outside": [[20, 4], [1, 30]],
        "stacks": [[2, 20], [12, 3]],
        "slack": [[9, 20], [41, 50]],
    }

    def planted(self, source: Path) -> Path:
        return self.build(source.stem, source.read_text(), "-include", f"{self.folder}/rests.h")

    def judge(self, source: Path, words: list[int], *options: Any) -> None:
        if source.stem == "huge" and "[never]" in THP.read_text():
            return  # said by test_all
        program = self.planted(source)
        out = Path(tempfile.mkdtemp(dir=self.folder))
        kind, report = kind_of(out, program, words, *options)
        none = "the kernel gave no huge pages"
        if none in report and none in run(program, *words).stderr:  # not only under `why`
            print(f"# skipped: {source.stem} {words} {options}: {none}")
            return
        self.assertEqual(kind, expected(source), f"{source.stem} {words} {options}: {report}")

    def test_all(self) -> None:
        """All at once: they mostly sleep."""
        self.assertEqual(sorted(p.stem for p in PLANTED), sorted(self.SMALL))
        if "[never]" in THP.read_text():
            print("# skipped: huge: transparent huge pages are switched off on this machine")
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(self.judge, p, self.SMALL[p.stem]) for p in PLANTED]:
                done.result()

    @slow
    def test_variations(self) -> None:
        for source in PLANTED:
            for words in self.OTHER[source.stem]:
                with self.subTest(source.stem, words=words):
                    self.judge(source, words)

    @slow
    def test_other_allocators(self) -> None:
        for name in cell_names():
            if name not in ("jemalloc", "mimalloc", "tcmalloc"):
                continue
            for source in PLANTED:
                with self.subTest(source.stem, allocator=name):
                    self.judge(source, [], "--allocator", name)

    def test_the_example_of_the_readme(self) -> None:
        text = (ROOT / "harness" / "why" / "README.md").read_text()
        compile_it, run_it = re.findall("    \\$ (.*)", text)[:2]
        program = str(self.folder / "example")
        done = run(
            "sh", "-c", f"{compile_it} -Wall -Werror".replace("/tmp/leak", program), cwd=ROOT
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(run_it, "build/spanbench why -- /tmp/leak")
        self.assertTrue(Path(program).exists())

    def test_what_pins(self) -> None:
        """Neither most of the live bytes nor most of the blocks."""
        out = self.folder / "pinned"
        kind, report = kind_of(out, self.build("pins", PINS), [])
        self.assertEqual(kind, "fragmentation", report)
        self.assertIn("mostly blocks of 96 to 111 B", report)
        document = json.loads((out / "latest-why" / "why.json").read_text())
        jsonschema.Draft202012Validator(SCHEMA).validate(document)

    def test_who_leaks(self) -> None:
        program = self.planted(ROOT / "harness" / "why" / "planted" / "leak.c")
        done = spanbench("why", "--out", self.folder / "leaks", "--", program, 56, 8, 2)
        self.assertIn("blocks of 56 to 63 B, allocated by thread leaker", done.stdout)
        self.assertIn("live: what the program asked for", done.stdout)
        plot = run(
            ROOT / "scripts" / "verdicts" / "why_plot.py", self.folder / "leaks" / "latest-why"
        )
        self.assertEqual(plot.returncode, 0, plot.stderr)
        self.assertTrue((self.folder / "leaks" / "latest-why" / "plots" / "why.png").exists())


THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")


class Books(WhyTest):
    def last(self, *words: Any) -> tuple[int, int, list[int]]:
        """Live bytes and blocks at the end, and what the program printed. gomalloc begins no thread meanwhile:
        a thread has a block of the C library's."""
        document = self.why(*words, env={**os.environ, "GOMALLOC_SCAVENGE": "1"})
        point = document["processes"][0]["points"][-1]
        return point["live"], point["blocks"], [int(n) for n in document["printed"].split()]

    def compare(self, *options: Any, source: str = BOOKS) -> None:
        """The difference of two runs: the C library has blocks of its own."""
        program = self.build("books" if source == BOOKS else "many", source)
        bytes_none, blocks_none, _ = self.last(*options, "--", program, 0)
        bytes_all, blocks_all, said = self.last(*options, "--", program, 8000)
        self.assertEqual([bytes_all - bytes_none, blocks_all - blocks_none], said)

    def test_live_bytes_are_exact(self) -> None:
        self.compare()

    def test_an_allocator_that_promises_sizes(self) -> None:
        """It is not asked about each block."""
        for name in [n for n in cell_names() if n in ("jemalloc", "mimalloc")]:
            with self.subTest(name):
                self.compare("--allocator", name, source=MANY)

    def test_an_allocator_that_breaks_its_word(self) -> None:
        library = self.build("liar.so", LIAR, "-shared", "-fPIC")
        program = self.build("many", MANY)
        self.assertTrue(self.why("--preload", library, "--", program, 0)["processes"][0]["exact"])
        self.assertFalse(self.why("--preload", library, "--", program, 1)["processes"][0]["exact"])
        done = spanbench("why", "--out", self.folder, "--preload", library, "--", program, 1)
        self.assertIn("other sizes than it promises", done.stdout)

    @slow
    def test_live_bytes_of_other_allocators(self) -> None:
        for name in cell_names():
            if name in ("null", "system"):
                continue
            # with scudo, the dynamic linker makes a block for MANY that it does not need for 0 rounds
            for source in (BOOKS, MANY)[: 1 + (name != "scudo")]:
                with self.subTest(name, source=source[:99]):
                    self.compare("--allocator", name, source=source)

    def test_memory_is_at_most_what_there_was(self) -> None:
        """The heap grows while its mappings are read."""
        document = self.why("--", self.build("grows", GROWS))
        most = int(document["printed"]) << 10
        self.assertLess(document["processes"][0]["peak_rss"], most + (1 << 20))

    def test_a_child_has_the_blocks_of_its_parent(self) -> None:
        program = self.build("books", BOOKS)
        document = self.why("--", program, 8000, "fork")
        parent, child = document["processes"]
        if parent["parent"] == child["pid"]:  # numbers of processes began anew
            parent, child = child, parent
        self.assertEqual(child["parent"], parent["pid"])
        usable, blocks = map(int, document["printed"].split())
        ends = [p["points"][-1] for p in (parent, child)]
        self.assertGreaterEqual(ends[0]["live"], usable)
        self.assertAlmostEqual(ends[1]["blocks"], ends[0]["blocks"] - blocks / 2, delta=2)

    @slow
    def test_operators_of_cxx(self) -> None:
        program = self.build("cxx", CXX, "-O0", compiler="g++")  # else pairs are left out
        for name in cell_names():
            if name == "null":
                continue
            # elsewhere operator new without memory ends the program, with or without the counter
            throws = name in ("system", "jemalloc")
            env = os.environ if throws else {**os.environ, "NO_THROW": "1"}
            with self.subTest(name):
                document = self.why("--allocator", name, "--", program, env=env)
                point = document["processes"][0]["points"][-1]
                self.assertLess(point["blocks"], 40)
                # what is left: 7777 bytes, as the allocator rounds them
                found = [c for c in point["classes"] if c["least"] < 9000 and c["most"] >= 7777]
                self.assertEqual(len(found), 1, point["classes"])

    def test_threads_that_end_while_somebody_looks(self) -> None:
        document = self.why("--", self.build("ends", ENDS), 2000)
        live = [p["live"] for p in document["processes"][0]["points"]]
        large = 64 << 20
        first = next(i for i, n in enumerate(live) if n >= large)
        self.assertGreaterEqual(min(live[first:]), large)

    def test_a_process_that_leaves_while_somebody_looks(self) -> None:
        """What was seen of it then is a part, and no point."""
        wide = self.build("wide.so", WIDE, "-shared", "-fPIC")
        document = self.why("--", self.build("leaves", LEAVES, "-Wl,--no-as-needed", str(wide)))
        self.assertEqual(document["processes_seen"], 6)
        for process in document["processes"]:
            for point in process["points"]:
                self.assertGreater(point["stacks"], 0, point)

    def test_a_program_whose_first_thread_has_ended(self) -> None:
        """Under its number the kernel says that there is no memory."""
        program = self.build("first_ends", HAS_LATE)
        for at_once in (False, True):
            with self.subTest(at_once=at_once):
                words = [program, "at once"] if at_once else [program]
                (process,) = self.why("--", *words)["processes"]
                self.assertTrue(process["exited"])
                points = process["points"] if at_once else process["points"][:-1]
                self.assertGreaterEqual(max(point["live"] for point in points), 48 << 20)
                self.assertGreaterEqual(max(point["rss"] for point in points), 48 << 20)

    def test_a_program_that_becomes_another(self) -> None:
        program = self.build("odd", ODD)
        document = self.why("--", program, "exec")
        self.assertEqual([p["image"] for p in document["processes"]], [0, 1])
        self.assertEqual(
            {p["pid"] for p in document["processes"]}, {document["processes"][0]["pid"]}
        )


class Outside(WhyTest):
    """What the program maps itself, and what the allocator does, wherever its code lies."""

    def outside(self, *options: Any) -> float:
        """MiB."""
        document = self.why(*options, "--", self.build("beside", BESIDE))
        point = document["processes"][0]["points"][-1]
        self.assertGreater(point["heap"], 20_000_000)
        return float(point["outside"]) / (1 << 20)

    def test_an_allocator_of_two_libraries(self) -> None:
        takes = self.build("takes.so", TAKES, "-shared", "-fPIC")
        linked = self.build(
            "linked.so", GIVES, "-shared", "-fPIC", "-Wl,--no-as-needed", str(takes)
        )
        loads = self.build("loads.so", GIVES, "-shared", "-fPIC", f'-DLOADED="{takes}"')
        self.assertAlmostEqual(self.outside("--preload", linked), 8.2, delta=0.3)
        # of one that is loaded, only blocks tell, and none lies in its table
        self.assertAlmostEqual(self.outside("--preload", loads), 12.2, delta=0.3)

    def test_allocators(self) -> None:
        for name in cell_names():
            if name != "null":
                with self.subTest(name):
                    self.assertAlmostEqual(self.outside("--allocator", name), 8.3, delta=0.4)


class Touched(WhyTest):
    """Live blocks are resident only as far as the program has written to them."""

    def point(self, *words: int) -> Any:
        program = self.build("touched", TOUCHED)
        return self.why("--", program, *words)["processes"][0]["points"][-1]

    def test_all_of_it(self) -> None:
        point = self.point(1100, 20000, 1)
        self.assertLess(point["untouched"], point["live"] / 100)

    def test_a_little_of_each(self) -> None:
        for count, part in ((1100, 1100), (3000, 3)):  # of more than 1024, some are looked at
            point = self.point(count, 20000, part, 1)
            there, had = point["live"] - point["untouched"], point["heap"] - 30_000_000
            self.assertAlmostEqual(there, had, delta=0.15 * had)

    def test_a_little_of_smaller_ones(self) -> None:
        """There is not so much memory."""
        point = self.point(4000, 9000, 4000)
        self.assertLess(point["heap"], 20 << 20)
        self.assertLessEqual(point["live"] - point["untouched"], point["heap"] + point["outside"])


class Wrapped(WhyTest):
    """Programs that start many others before the one that matters, as shims of pyenv do."""

    SHORT = "for i in $(seq {}); do /bin/true; done; "

    def script(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
        return path

    @slow
    def test_short_processes_take_no_looks_from_a_long_one(self) -> None:
        """Each of them costs a look once. If others had to wait for that, it would be for 2 s and more."""
        document = self.why("--", self.script("before", self.SHORT.format(400) + "exec sleep 1.5"))
        self.assertGreater(document["processes_seen"], 400)
        (found,) = [p for p in document["processes"] if p["command"] == "sleep"]
        self.assertGreaterEqual(found["looks"], 10)
        self.assertEqual(found["looks"], len(found["points"]))

    def test_the_largest_of_many_that_nobody_looked_at(self) -> None:
        """All begin and end between two looks. There are places for 64."""
        source = "#include <stdlib.h>\n#include <string.h>\n"
        source += "int main(void) { memset(malloc(9 << 20), 1, 9 << 20); return 0; }\n"
        big = self.build("big", source)
        short = self.SHORT.format(100)
        document = self.why(
            "--interval", "600", "--", self.script("between", f"{short} {big}; {short} exit 0")
        )
        largest = max(document["processes"], key=lambda p: int(p["peak_rss"]))
        self.assertEqual((largest["command"], largest["looks"]), ("big", 1))
        self.assertGreaterEqual(largest["points"][0]["live"], 9 << 20)

    @slow
    def test_the_largest_of_many_that_live(self) -> None:
        """All live at once, and the largest is the last: 64 have a place when it comes."""
        document = self.why("--", self.build("pool", POOL), 70)
        self.assertEqual(document["processes_seen"], 72)
        largest = max(document["processes"], key=lambda p: int(p["peak_rss"]))
        self.assertGreaterEqual(max(p["live"] for p in largest["points"]), 30 << 20)
        self.assertFalse(largest["exited"])


class Inside(WhyTest):
    """CPython takes memory for small objects by mmap, unless its own allocator is off."""

    SCRIPT = (
        "import time; held = [object() for _ in range(400000)]; time.sleep(1.5)",
        "import time; held = b'x' * (9 << 20); time.sleep(1.5)",
    )

    def ask(self, script: str, value: str) -> tuple[Any, str]:
        out = Path(tempfile.mkdtemp(dir=self.folder))
        words = ["--", "/usr/bin/python3", "-c", script]
        done = spanbench("why", "--out", out, *words, env={**os.environ, "PYTHONMALLOC": value})
        self.assertEqual(done.returncode, 0, done.stderr)
        (process,) = json.loads((out / "latest-why" / "why.json").read_text())["processes"]
        return process["inner"], done.stdout

    def test_pymalloc(self) -> None:
        inner, said = self.ask(self.SCRIPT[0], "pymalloc")
        self.assertRegex(inner[0], "pymalloc.* PYTHONMALLOC=malloc")
        self.assertRegex(
            said, "(?s)^Memory outside malloc.*ask again.*\ninside: CPython's pymalloc"
        )
        self.assertNotIn("No malloc can help", said)
        inner, said = self.ask(self.SCRIPT[0], "malloc")
        self.assertEqual(inner, [])
        self.assertNotRegex(said, "^Memory outside malloc")
        self.assertNotIn("inside:", said)

    @slow
    def test_it_is_told_whatever_the_answer_is(self) -> None:
        _, said = self.ask(self.SCRIPT[1], "pymalloc")
        self.assertRegex(said, "(?s)^In use.*\ninside: CPython's pymalloc")


class Stacks(WhyTest):
    """A block of 60 MiB beside a stack. What the thread used is its own, and no more."""

    def stacks(self, mode: str) -> list[int]:
        """At each instant with the block."""
        document = self.why("--", self.build("neighbours", NEIGHBOURS), mode)
        points = document["processes"][0]["points"]
        with_block = [p for p in points if p["rss"] - p["files"] >= 60 << 20]
        self.assertTrue(with_block, points)
        for point in with_block:  # the program may just be writing into it
            self.assertGreaterEqual(point["requested"], 56 << 20, point)
        return [p["stacks"] for p in with_block]

    def test_a_block_where_a_stack_was(self) -> None:
        self.assertLess(max(self.stacks("ended")), 400 << 10)

    def test_a_stack_beside_a_block(self) -> None:
        stacks = max(self.stacks("own"))
        self.assertGreaterEqual(stacks, 512 << 10)
        self.assertLess(stacks, 2 << 20)


class BadInput(WhyTest):
    def refuse(self, *words: Any, code: int = 2, **options: Any) -> str:
        out = self.folder / "refused"
        done = spanbench("why", "--out", out, *words, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(sorted(out.iterdir()) if out.exists() else [], [])
        return str(done.stderr)

    def test_what_is_refused(self) -> None:
        self.assertIn("there is no such program", self.refuse("--", "no-such-program"))
        for runner in (["sh", "-c", "exec ./no-such-program"], ["/usr/bin/env", "no-such-program"]):
            self.assertIn("there is no such program: ", self.refuse("--", *runner))
        not_executable = f"exec {ROOT / 'README.md'}"
        self.assertIn(
            "the program is not executable: ", self.refuse("--", "sh", "-c", not_executable)
        )
        self.assertIn("which program?", self.refuse())
        self.assertIn("start the program anew", self.refuse("1").lower())
        self.assertIn("not executable", self.refuse("--", ROOT / "README.md"))
        self.assertIn("nosuch", self.refuse("--allocator", "nosuch", "--", "true"))
        self.assertIn("--seconds", self.refuse("--seconds", "never", "--", "true"))

    def test_a_static_program(self) -> None:
        program = self.build("static", ODD.replace("30000000", "900000"), "-static")
        said = self.refuse("--", program, "sleep", code=1)
        self.assertIn("the counter did not take effect", said)
        self.assertIn("static", said)

    def test_a_program_with_a_malloc_of_its_own(self) -> None:
        own = self.build("own", OWN)
        said = self.refuse("--", own, code=1)
        self.assertRegex(
            said, r"own \(\d+\) has a malloc of its own, which no preloaded one replaces"
        )
        self.assertIn("--preload", said)
        # the shell, which can be counted, is the smaller one
        said = self.refuse("--", "sh", "-c", f"{own}; true", code=1)
        self.assertRegex(said, r"own \(\d+\) has a malloc of its own")

    @slow
    def test_one_that_links_an_allocator(self) -> None:
        tried = 0
        for library in ("libjemalloc.a", "libtcmalloc_minimal.a"):
            if not Path(run("gcc", f"-print-file-name={library}").stdout.strip()).is_absolute():
                continue
            words = ["-Wl,-u,malloc", f"-l:{library}", "-lstdc++", "-lm"]
            name = library.partition(".")[0][3:11]
            program = self.build(name, LINKED.replace("NAMED", ""), *words)
            with self.subTest(library):
                said = self.refuse("--", program, code=1)
                self.assertRegex(said, name + r" \(\d+\) has a malloc of its own")
            tried += 1
        if not tried:
            self.skipTest("no allocator to link statically is installed")

    @slow
    def test_one_that_wraps_malloc_is_counted(self) -> None:
        wraps = self.build("wraps", OWN, "-DNEXT")
        document = self.why("--", wraps)
        self.assertGreater(document["processes"][0]["points"][-1]["live"], 50 << 20)
        self.assertIn("counted as far as it calls the next malloc", document["errors"])

    @slow
    def test_one_that_names_malloc_has_none(self) -> None:
        """At a fixed address, the program has a symbol malloc with a value."""
        named = "void *(*volatile named)(size_t); void name(void) { named = malloc; }"
        source = LINKED.replace("NAMED", named)
        names = self.build("names", source, "-no-pie", "-fno-pie")
        symbols = run("readelf", "--dyn-syms", "--wide", names).stdout
        if not re.search(r": 0*[1-9a-f][0-9a-f]* .* UND malloc", symbols):
            self.skipTest("here the symbol has no value")
        document = self.why("--", names)
        self.assertGreater(document["processes"][0]["points"][-1]["live"], 50 << 20)
        self.assertNotIn("of its own", document["errors"])

    def test_what_ends_before_it_can_be_asked(self) -> None:
        """It is static, or has privileges: its file tells that, too."""
        static = self.build("at-once", "int main(void) { return 0; }", "-static")
        script = self.folder / "script"
        script.write_text(f"#!{static}\n")
        script.chmod(0o755)
        for program in (static, script):
            self.assertIn("the program is static", self.refuse("--", program, code=1))
        if os.geteuid() != 0:
            self.skipTest("only root gives a file to somebody else")
        owned = self.build("owned", "int main(void) { return 0; }")
        os.chown(owned, 65534, -1)
        os.chmod(owned, 0o4755)
        self.assertIn("privileges of its file", self.refuse("--", owned, code=1))

    def test_one_that_ends_at_once(self) -> None:
        document = self.why("--", "true")
        self.assertTrue(document["processes"][0]["exited"])
        self.assertTrue(document["end"]["by_itself"])

    def test_a_crash(self) -> None:
        program = self.build("odd", ODD)
        document = self.why("--", program, "crash", code=1)
        self.assertEqual(document["end"]["signal"], signal.SIGSEGV)
        self.assertIn("killed by SIGSEGV", document["errors"])
        self.assertGreaterEqual(document["processes"][0]["points"][-1]["live"], 4 << 20)

    def test_closed_descriptors(self) -> None:
        document = self.why("--", self.build("odd", ODD), "close")
        self.assertGreaterEqual(document["processes"][0]["peak_rss"], 4 << 20)

    def test_one_that_needs_a_terminal(self) -> None:
        words = [SPANBENCH, "why", "--out", self.folder / "tty", "--", "sh", "-c", "exec </dev/tty"]
        done = run("setsid", "--wait", *words)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "/dev/tty.*\n(.*\n)*.*ended with exit code [1-9]")

    @slow
    def test_a_gigabyte_of_output(self) -> None:
        """It is the program's, and goes where the program's output goes."""
        out = self.folder / "much"
        script = f"{SPANBENCH} why --quiet --out {out} -- head -c {1 << 30} /dev/zero | wc -c"
        self.assertEqual(int(run("sh", "-c", script).stdout), 1 << 30)
        size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
        self.assertLess(size, 1 << 20)

    def test_a_daemon_is_ended(self) -> None:
        document = self.why("--seconds", "3", "--", self.build("odd", ODD), "daemon")
        self.assertTrue(document["end"]["stopped"])
        self.assertEqual(document["processes_seen"], 2)
        self.assert_nothing_left()

    def test_seconds(self) -> None:
        document = self.why("--seconds", "2", "--", self.build("odd", ODD), "sleep")
        self.assertTrue(document["end"]["stopped"])
        self.assert_nothing_left()

    def test_interrupt(self) -> None:
        """What was seen is saved and told, and nothing stays."""
        program = self.build("odd", ODD)
        out = self.folder / "interrupted"
        child = subprocess.Popen(
            [SPANBENCH, "why", "--out", out, "--", program, "wait"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout
        self.assertEqual(child.stdout.readline(), "looked at\n")
        child.send_signal(signal.SIGINT)
        stdout, stderr = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 128 + signal.SIGINT, stderr)
        self.assertIn("memory at", stdout)
        document = json.loads((out / "latest-why" / "why.json").read_text())
        self.assertTrue(document["end"]["interrupted"])
        self.assertEqual([p.name for p in (out / "latest-why").resolve().iterdir()], ["why.json"])
        self.assert_nothing_left()


class Killed(WhyTest):
    """By signals that it cannot treat."""

    def start(self) -> "tuple[subprocess.Popen[bytes], str, Path]":
        """The driver, a word of the programs that it started, and the folder of books."""
        mark = f"{random.randrange(10**6, 10**7)}"
        driver = subprocess.Popen(
            [str(SPANBENCH), "why", "--out", str(self.folder / mark), "--quiet", "--"]
            + ["sh", "-c", f"setsid sleep {mark} & wait"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.addCleanup(self.end_all, mark)
        self.addCleanup(driver.wait)
        self.addCleanup(driver.kill)
        while not (found := self.books_of(f"sleep\0{mark}")):
            time.sleep(0.05)
        return driver, mark, found

    def books_of(self, words: str) -> Optional[Path]:
        """Of a process that has these words. In the midst of an exec, it has no environment."""
        for process in processes_with(words):
            for variable in of_processes("environ").get(process, b"").split(b"\0"):
                name, _, value = variable.partition(b"=")
                if name == b"SPANBENCH_WHY":
                    return Path(os.fsdecode(value))
        return None

    def end_all(self, mark: str) -> None:
        """Where it fails."""
        for process in processes_with(mark):
            os.kill(process, signal.SIGKILL)

    def await_end(self, mark: str) -> None:
        deadline = time.monotonic() + 60
        while (left := processes_with(mark)) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(left, [])

    def test_nothing_is_left(self) -> None:
        driver, mark, folder = self.start()
        self.why("--", "true")
        self.assertTrue(folder.exists(), "that of a run that goes on")
        driver.kill()
        self.await_end(mark)
        self.assertFalse(folder.exists())
        self.assertTrue((self.folder / mark / "latest-why" / "why.json").exists())

    def test_what_was_seen_is_kept(self) -> None:
        driver, mark, _ = self.start()
        deadline = time.monotonic() + 30
        while not (found := list((self.folder / mark).glob("*/why.json"))):
            self.assertLess(time.monotonic(), deadline, "nothing is kept while the program runs")
            time.sleep(0.02)
        os.killpg(driver.pid, signal.SIGKILL)
        self.await_end(mark)
        document = json.loads(found[0].read_text())
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        self.assertTrue(document["end"]["interrupted"])
        told = run(ROOT / "scripts" / "verdicts" / "why_verdict.py", found[0].parent)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("memory at", told.stdout)

    def test_the_next_run_removes_what_the_worker_left(self) -> None:
        driver, mark, folder = self.start()
        os.killpg(driver.pid, signal.SIGKILL)  # the front and the worker, at once
        self.await_end(mark)
        self.why("--", "true")
        self.assertFalse(folder.exists())


if __name__ == "__main__":
    unittest.main()
