"""Real programs with libgomalloc.so preloaded do what they do without it; bad frees are reported."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path
from typing import Any, Optional

from driving import BUILD, ROOT, run, slow

LIBRARY = BUILD / "libgomalloc.so"
HARDENED = BUILD / "libgomalloc-hardened.so"
PYTHON = "/usr/bin/python3"

JSON = """
import json, threading
def work(n, out, i):
    out[i] = len(json.dumps([{"a": k, "b": str(k) * 3} for k in range(n)]))
    assert json.loads(json.dumps({"k": list(range(n))}))["k"][-1] == n - 1
out = [0] * 6
threads = [threading.Thread(target=work, args=(20000 + i, out, i)) for i in range(6)]
for t in threads: t.start()
for t in threads: t.join()
print(out)
"""

PROCESSES = """
import multiprocessing, threading
def work(n): return sum(len(str(k) * 2) for k in range(n))
stop = False
def noise():
    while not stop: [bytes(n) for n in range(500)]
threads = [threading.Thread(target=noise) for _ in range(3)]
for t in threads: t.start()
with multiprocessing.get_context("fork").Pool(4) as pool:
    print(pool.map(work, range(0, 20000, 1000)))
stop = True
for t in threads: t.join()
"""

SQLITE = """
import sqlite3
db = sqlite3.connect(":memory:")
db.execute("create table t(a integer, b text)")
rows = ((i * 7919 % 1000003, "row %d" % i) for i in range(1000000))
db.executemany("insert into t values (?, ?)", rows)
db.execute("create index i on t(a, b)")
print(db.execute("select count(*), sum(a), max(b) from t where a between 1000 and 900000").fetchall())
"""

PERL = """
my %h; $h{$_ x 3} = [$_, "v$_"] for 1 .. 100000;
my $n = 0; $n += length($_) + $h{$_}[0] for keys %h; print "$n\\n";
my $s = join ",", map { s/1/xx/gr } 1 .. 50000; print length($s), "\\n";
"""

NODE = """
const o = []; for (let i = 0; i < 200000; i++) o.push({a: i, b: "x" + i, c: Buffer.alloc(i % 300)});
console.log(JSON.stringify(o.map(x => [x.a, x.b])).length, o.reduce((n, x) => n + x.c.length, 0));
"""

REDIS = "".join(
    f"set k{i} {'v' * (1 + i * 37 % 5000)}\nappend k{i * 7 % 500} {i}\nget k{i * 11 % 500}\n"
    f"zadd scores {i * 7919 % 1009} m{i}\nlpush list {i} {'x' * (1 + i % 300)}\nhset hash f{i % 97} {i}\n"
    for i in range(1000)
)
REDIS += "zrange scores 0 -1 withscores\nlrange list 0 -1\nhgetall hash\ndel list\ndbsize\n"

FORKS = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int stop;
static void *busy(void *p) {
    for (unsigned i = 0; !stop; i++) free(memset(malloc(i % 5000 + 1), 1, i % 5000 + 1));
    return p;
}
int main(void) {
    pthread_t t[4]; int good = 0;
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, busy, NULL);
    for (int i = 0; i < 300; i++) {
        int status; pid_t pid = fork();
        if (pid == 0) {
            char *p[200];
            alarm(20);
            for (int k = 0; k < 200; k++) memset(p[k] = malloc(k * 37 + 1), k, k * 37 + 1);
            for (int k = 0; k < 200; k++) { if (p[k][k * 37] != (char)k) _exit(1); free(p[k]); }
            pthread_create(&t[0], NULL, busy, NULL);
            exit(0);
        }
        waitpid(pid, &status, 0);
        good += status == 0;
    }
    stop = 1;
    printf("%d children ended well\n", good);
    return 0;
}
"""

CPP = r"""
#include <cstdio>
#include <map>
#include <new>
#include <string>
#include <thread>
#include <vector>
struct alignas(256) Wide { char c[300]; };
int main() {
    std::map<std::string, std::vector<int>> m;
    std::thread t([] { for (int i = 0; i < 1000; i++) delete new Wide; });
    for (int i = 0; i < 20000; i++) m[std::to_string(i)].resize(i % 50);
    Wide *w = new Wide[3];
    std::printf("%zu %d\n", m.size(), (int)(reinterpret_cast<size_t>(w) % 256));
    delete[] w;
    t.join();
    try { volatile size_t n = size_t(1) << 60; ::operator delete(::operator new(n)); }
    catch (const std::bad_alloc &) { std::puts("bad_alloc"); }
    volatile size_t n = size_t(1) << 60;
    std::puts(::operator new(n, std::nothrow) ? "memory" : "nullptr");
}
"""


# Each form of new with each kind of handler; the standard library's own forms say what is right.
HANDLERS = r"""
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <sys/resource.h>
#include <thread>
static int calls;
static void *reserve;
struct Worse : std::bad_alloc {};
static void throws_bad_alloc() { calls++; throw std::bad_alloc(); }
static void throws_derived() { calls++; throw Worse(); }
static void throws_number() { calls++; throw 7; }
static void throws_string() { calls++; throw std::string(1000, 'x'); }
static void allocates_and_throws() { calls++; std::string s(5000, 'x'); delete new int; throw s; }
static void sets_none() { if (++calls == 3) std::set_new_handler(nullptr); }
static void sets_another() { calls++; std::set_new_handler(throws_number); }
static void news_nothrow() {
    volatile size_t n = size_t(1) << 62;
    std::set_new_handler(calls++ ? nullptr : throws_string);
    if (::operator new(n, std::nothrow)) std::puts("memory");
}
static void frees() {
    calls++;
    if (!reserve) throw std::bad_alloc();
    std::free(reserve);
    reserve = nullptr;
}
struct alignas(256) Wide { char c[256]; };
static void say(const char *form, const void *p) {
    std::printf(" %s %s, %d calls;", form, p ? "memory" : "null", calls);
    calls = 0;
}
template <class F> static void ordinary(const char *form, F f) {
    try { say(form, f()); }
    catch (const Worse &) { say("Worse", form); }
    catch (const std::bad_alloc &) { say("bad_alloc", form); }
    catch (const std::string &s) { say(s.c_str() + 995, form); }
    catch (int i) { say(i == 7 ? "seven" : "?", form); }
}
static void all(const char *name, void (*handler)(), size_t n) {
    volatile size_t bytes = n;
    std::align_val_t a{256};
    auto begin = [&] { std::set_new_handler(handler); };
    std::printf("%s:", name);
    begin(); say("new", ::operator new(bytes, std::nothrow));
    begin(); say("new[]", ::operator new[](bytes, std::nothrow));
    begin(); say("aligned", ::operator new(bytes, a, std::nothrow));
    begin(); say("aligned[]", ::operator new[](bytes, a, std::nothrow));
    begin(); say("chars", new (std::nothrow) char[bytes]);
    begin(); say("Wides", new (std::nothrow) Wide[bytes / 256]);
    begin(); ordinary("new", [&] { return ::operator new(bytes); });
    begin(); ordinary("new[]", [&] { return ::operator new[](bytes); });
    begin(); ordinary("aligned", [&] { return ::operator new(bytes, a); });
    begin(); ordinary("aligned[]", [&] { return ::operator new[](bytes, a); });
    std::printf(" uncaught %d\n", std::uncaught_exceptions());
    std::set_new_handler(nullptr);
}
struct Unwound {
    ~Unwound() {
        volatile size_t n = size_t(1) << 62;
        say("unwinding:", ::operator new(n, std::nothrow));
    }
};
static void with_reserve() {
    rlimit old{}, less{};
    long pages = 0;
    reserve = std::malloc(150 << 20);
    FILE *f = std::fopen("/proc/self/statm", "r");
    if (std::fscanf(f, "%ld", &pages) != 1) std::abort();
    std::fclose(f);
    getrlimit(RLIMIT_AS, &old);
    less = old;
    less.rlim_cur = pages * 4096 + (50 << 20);
    setrlimit(RLIMIT_AS, &less);
    std::set_new_handler(frees);
    say("reserve:", ::operator new(150 << 20, std::nothrow));
    say("none left:", ::operator new(150 << 20, std::nothrow));
    std::puts("");
    setrlimit(RLIMIT_AS, &old);
}
extern "C" int run_all() {
    const size_t much = size_t(1) << 62;
    all("none", nullptr, much);
    all("throws_bad_alloc", throws_bad_alloc, much);
    all("throws_derived", throws_derived, much);
    all("throws_number", throws_number, much);
    all("throws_string", throws_string, much);
    all("allocates_and_throws", allocates_and_throws, much);
    all("sets_none", sets_none, much);
    all("sets_another", sets_another, much);
    all("news_nothrow", news_nothrow, much);
    all("not called", throws_number, 1000);
    with_reserve();
    std::thread t([=] { all("in a thread", throws_derived, much); });
    t.join();
    std::set_new_handler(throws_bad_alloc);
    try { Unwound u; throw 1; } catch (int) { std::puts(" caught"); }
    return std::fflush(stdout);
}
"""

CPP_MAIN = 'extern "C" int run_all(); int main() { return run_all(); }'

# A program's own operators, as it is compiled; its blocks are not blocks of malloc. All forms go back
# to them, as the standard says, and the calls are counted.
REPLACED = r"""
#include <cstdio>
#include <cstdlib>
#include <new>
#include <unistd.h>
static int news, deletes, arrays, array_deletes, wide, wide_deletes;
static void *with_header(size_t n, size_t header, int &count) {
    char *p = static_cast<char *>(std::aligned_alloc(header, (n + 2 * header - 1) / header * header));
    if (!p) throw std::bad_alloc();
    count++;
    return p + header;
}
static void without_header(void *p, size_t header, int &count) {
    if (p) count++, std::free(static_cast<char *>(p) - header);
}
#ifdef SINGLE
void *operator new(size_t n) { return with_header(n, 16, news); }
void operator delete(void *p) noexcept { without_header(p, 16, deletes); }
#endif
#ifdef ARRAY
void *operator new[](size_t n) { return with_header(n, 32, arrays); }
void operator delete[](void *p) noexcept { without_header(p, 32, array_deletes); }
#endif
#ifdef WIDE
void *operator new(size_t n, std::align_val_t a) { return with_header(n, size_t(a), wide); }
void operator delete(void *p, std::align_val_t a) noexcept { without_header(p, size_t(a), wide_deletes); }
#endif
struct Small { int i[10]; };
struct alignas(64) Wide { int i[16]; ~Wide() {} };
int main() {
    const std::align_val_t a{64};
    alarm(60);
    volatile size_t much = size_t(1) << 62;
    for (volatile int i = 1; i < 200; i = i + 1) {
        Small *s = new Small, *t = new (std::nothrow) Small, *u = new Small[i], *v = new (std::nothrow) Small[i];
        Wide *w = new Wide, *x = new (std::nothrow) Wide, *y = new Wide[i], *z = new (std::nothrow) Wide[i];
        delete s; delete t; delete[] u; delete[] v; delete w; delete x; delete[] y; delete[] z;
        ::operator delete(::operator new(i), size_t(i));
        ::operator delete[](::operator new[](i), size_t(i));
        ::operator delete(::operator new(i), std::nothrow);
        ::operator delete[](::operator new[](i), std::nothrow);
        ::operator delete(::operator new(i, a), size_t(i), a);
        ::operator delete[](::operator new[](i, a), size_t(i), a);
        ::operator delete(::operator new(i, a), a, std::nothrow);
        ::operator delete[](::operator new[](i, a), a, std::nothrow);
    }
    if (::operator new(much, std::nothrow) || ::operator new[](much, std::nothrow) ||
        ::operator new(much, a, std::nothrow) || ::operator new[](much, a, std::nothrow))
        std::puts("memory");
    std::printf("%d %d %d %d %d %d\n", news, deletes, arrays, array_deletes, wide, wide_deletes);
}
"""

# A library whose calls are bound to its own operators, if it has some (OWN).
BOUND_LIBRARY = r"""
#include <cstdlib>
#include <new>
#ifdef OWN
void *operator new(std::size_t n) { return std::malloc(n); }
void operator delete(void *p) noexcept { std::free(p); }
void operator delete(void *p, std::size_t) noexcept { std::free(p); }
#endif
int *make() { return new int(7); }
void drop(int *p) { delete p; }
"""

BOUND_MAIN = r"""
#include <cstdio>
int *make();
void drop(int *);
int main() {
    int *made = make();
    std::printf("%d\n", *made);
    delete made;
    drop(new int);
}
"""

C_MAIN = r"""
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
    void *l = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    int (*run_all)(void);
    if (argc != 2 || !l) { puts(dlerror()); return 1; }
    *(void **)&run_all = dlsym(l, "run_all");
    return run_all();
}
"""

UNLOAD = r"""
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
static void *(*allocate)(size_t);
static void (*release)(void *);
static pthread_barrier_t barrier;
static void *work(void *p) {
    memset(p = allocate(100), 1, 100);
    pthread_barrier_wait(&barrier);   /* the library is closed */
    pthread_barrier_wait(&barrier);   /* between these two */
    return p;
}
static void *open_library(const char *name) {
    void *l = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!l) { puts(dlerror()); return NULL; }
    *(void **)&allocate = dlsym(l, "gom_malloc");
    *(void **)&release = dlsym(l, "gom_free");
    return l;
}
int main(int argc, char **argv) {
    pthread_t t; pthread_key_t key; void *block = NULL, *l;
    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < 1500; i++) {
        if (!(l = open_library(argv[1]))) return 1;
        release(allocate(64));
        dlclose(l);
    }
    printf("a key: %d\n", pthread_key_create(&key, NULL));
    if (!(l = open_library(argv[1]))) return 1;
    char *own = memset(allocate(100), 7, 100);
    pthread_create(&t, NULL, work, NULL);
    pthread_barrier_wait(&barrier);
    dlclose(l);
    pthread_barrier_wait(&barrier);
    pthread_join(t, &block);
    printf("blocks: %d %d\n", own[99], ((char *)block)[99]);
    release(own);
    release(block);
    return argc != 2;
}
"""


# glibc frees what was threads' own while it holds a lock that pthread_create takes. 60 MiB are free by then
# that nobody has looked at: realloc does not. A free of the program's own then begins the thread.
LOCKED_FREES = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
enum { THREADS = 300, BLOCKS = 1000, MUCH = 60 << 20 };
static pthread_barrier_t all;
static void *wait_for_all(void *number) {
    *(pid_t *)number = gettid();
    pthread_barrier_wait(&all);
    return number;
}
static int threads(void) {
    int n = -2;
    DIR *d = opendir("/proc/self/task");
    while (readdir(d)) n++;
    closedir(d);
    return n;
}
int main(void) {
    static pthread_t t[THREADS];
    static pid_t number[THREADS];
    static void *block[BLOCKS];
    pthread_barrier_init(&all, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&t[i], NULL, wait_for_all, &number[i])) return 3;
    char *p = memset(malloc(MUCH), 1, MUCH);
    if (!(p = realloc(p, 100000))) return 4;
    pthread_barrier_wait(&all);
    for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
    for (int i = 0; i < THREADS; i++) /* a thread is listed a moment longer than a join waits */
        while (!tgkill(getpid(), number[i], 0)) usleep(1000);
    printf("threads: %d", threads());
    for (int i = 0; i < BLOCKS; i++) block[i] = malloc(300);
    for (int i = 0; i < BLOCKS; i++) free(block[i]);
    printf(", %d\n", threads());
    return p == NULL;
}
"""

# A program that makes a list of its threads; with an argument, its first thread ends at once. A new
# thread makes the C library's byte 0 for good.
OWN_CREATE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>
enum { BLOCKS = 100, BYTES = 1 << 20 };
typedef int creates(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *volatile block[BLOCKS];
static int listed;
int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *p) {
    creates *its = (creates *)dlsym(RTLD_NEXT, "pthread_create");
    pthread_mutex_lock(&lock);
    listed++;
    pthread_mutex_unlock(&lock);
    return its(t, a, f, p);
}
int main(int argc, char **argv) {
    if (argc > 1) pthread_exit(NULL);
    int before = __libc_single_threaded;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < BLOCKS; i++) block[i] = memset(malloc(BYTES), 1, BYTES);
    for (int i = 0; i < BLOCKS; i++) free(block[i]);
    pthread_mutex_unlock(&lock);
    printf("alone: %d, %d; listed: %d\n", before, __libc_single_threaded, listed);
    return argv == NULL;
}
"""


# Malloc's statistics with 3,000 blocks of 1,000 bytes, and after two of three are free.
REPORTS = r"""
#include <errno.h>
#include <malloc.h>
#include <mcheck.h>
#include <stdio.h>
#include <stdlib.h>
static void *block[3000];
static void report(void) {
    malloc_stats();
    printf("info %d\n", malloc_info(0, stdout));
    printf("mallinfo2 %zu mallinfo %d\n", mallinfo2().uordblks, mallinfo().uordblks);
}
int main(void) {
    static const int parameters[] = {M_MXFAST, M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD,
                                     M_MMAP_MAX, M_CHECK_ACTION, M_PERTURB, M_ARENA_TEST,
                                     M_ARENA_MAX, -1234, 0};
    static char buffer[1 << 16];
    int granted = 0;
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (int i = 0; i < 11; i++) granted += mallopt(parameters[i], 100);
    for (int i = 0; i < 3000; i++) block[i] = malloc(1000);
    report();
    for (int i = 0; i < 3000; i++) if (i % 3) free(block[i]);
    report();
    FILE *full = fopen("/dev/full", "w");
    setvbuf(full, NULL, _IONBF, 0);
    printf("options %d, full %d, granted %d, mcheck %d\n", malloc_info(1, stdout),
           malloc_info(0, full), granted, mcheck(NULL));
    return 0;
}
"""


# Blocks by one of two names each, and freed by the other.
SECOND_NAMES = r"""
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t), *__libc_valloc(size_t), *__libc_pvalloc(size_t);
void __libc_free(void *);
struct mallinfo __libc_mallinfo(void);
int __libc_mallopt(int, int);
static int wrong;
static void check(void *p, size_t size, size_t alignment, int fill) {
    wrong += !p || (uintptr_t)p % alignment || malloc_usable_size(p) < size;
    if (fill >= 0) for (size_t i = 0; i < size; i++) wrong += ((char *)p)[i] != fill;
    memset(p, 5, size);
}
int main(void) {
    void *p;
    for (size_t size = 1; size < 300000; size = size * 3 / 2 + 1) {
        check(p = __libc_malloc(size), size, 1, -1); free(p);
        check(p = malloc(size), size, 1, -1); __libc_free(p);
        check(p = __libc_calloc(size, 1), size, 1, 0); free(p);
        check(p = __libc_memalign(64, size), size, 64, -1); free(p);
        check(p = memalign(256, size), size, 256, -1); __libc_free(p);
        check(p = __libc_valloc(size), size, 4096, -1); free(p);
        check(p = __libc_pvalloc(size), size, 4096, -1); free(p);
        check(p = malloc(size), size, 1, -1);
        check(p = __libc_realloc(p, size * 2), size, 1, 5);
        check(p = realloc(p, size), size, 1, 5); __libc_free(p);
        check(p = __libc_realloc(NULL, size), size, 1, -1);
        check(p = realloc(p, size + 10000), size, 1, 5); free(p);
    }
    __libc_free(NULL);
    static const size_t alignments[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 2, SIZE_MAX / 2 + 1,
                                        SIZE_MAX / 2, (size_t)1 << 62, ((size_t)1 << 50) - 7};
    for (int i = 0; i < 7; i++) {
        errno = 0;
        p = memalign(alignments[i], 1);
        printf("memalign %zx: %p, %s\n", alignments[i], p, strerror(errno));
    }
    p = malloc(100);
    wrong += __libc_mallinfo().uordblks != mallinfo().uordblks;
    wrong += __libc_mallopt(M_PERTURB, 0) != mallopt(M_PERTURB, 0);
    free(p);
    printf("wrong: %d\n", wrong);
    return 0;
}
"""


def environment(library: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "LD_PRELOAD": str(library), **more}


class Preload(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def same(self, *command: Any, proof: bool = True, **options: Any) -> str:
        """Runs a command without and with each library; the output and the exit code must agree.
        The library's own words at the end of the process prove that it was there, unless the program
        closes its standard error before."""
        if not shutil.which(str(command[0])):
            self.skipTest(f"{command[0]} is not installed")
        plain = run(*command, **options)
        for library in (LIBRARY, HARDENED):
            loaded = run(*command, env=environment(library, GOMALLOC_STATS="1"), **options)
            self.assertEqual(loaded.returncode, plain.returncode, loaded.stderr)
            self.assertEqual(loaded.stdout, plain.stdout)
            if proof:
                self.assertIn("gomalloc: heap", loaded.stderr)
        return plain.stdout

    def test_gcc(self) -> None:
        source = ROOT / "allocators" / "gomalloc" / "pagealloc.c"
        objects = []
        for i, library in enumerate(("", str(LIBRARY), str(HARDENED))):
            out = self.directory / f"{i}.s"
            env = {**os.environ, "LD_PRELOAD": library}
            result = run("gcc", "-std=gnu17", "-O2", "-S", "-o", out, source, env=env)
            self.assertEqual(result.returncode, 0, result.stderr)
            objects.append(out.read_text())
        self.assertEqual(objects[0], objects[1])
        self.assertEqual(objects[0], objects[2])

    def test_python_json_and_threads(self) -> None:
        self.same(PYTHON, "-c", JSON)

    def test_python_processes_forked_while_threads_run(self) -> None:
        self.same(PYTHON, "-c", PROCESSES)

    @slow
    def test_sqlite_index_of_a_million_rows(self) -> None:
        self.assertIn("(89", self.same(PYTHON, "-c", SQLITE))

    def test_perl(self) -> None:
        self.same("perl", "-e", PERL.replace("keys %h", "sort keys %h"))

    @slow
    def test_git(self) -> None:
        if not (ROOT / ".git").exists():
            self.skipTest("the sources are not a git repository")
        self.same("git", "--no-pager", "log", "--stat", "-20", cwd=ROOT)
        for library in (LIBRARY, HARDENED):
            self.collect_garbage(library)

    def collect_garbage(self, library: Path) -> None:
        clone = self.directory / library.stem
        self.assertEqual(run("git", "clone", "-q", "--no-hardlinks", ROOT, clone).returncode, 0)
        head = run("git", "rev-parse", "HEAD", cwd=clone).stdout
        env = environment(library, GOMALLOC_STATS="1")
        gc = run("git", "gc", "-q", "--aggressive", "--prune=now", cwd=clone, env=env)
        self.assertEqual(gc.returncode, 0, gc.stderr)
        self.assertIn("gomalloc: heap", gc.stderr)
        self.assertEqual(run("git", "fsck", "--full", "--strict", cwd=clone).returncode, 0)
        self.assertEqual(run("git", "rev-parse", "HEAD", cwd=clone).stdout, head)

    def test_node(self) -> None:
        self.same("node", "-e", NODE)

    def test_parallel_sort(self) -> None:
        lines = self.directory / "lines"
        state = 1
        with lines.open("w", encoding="ascii") as f:
            for _ in range(400000):
                state = state * 1103515245 + 12345 & 0x7FFFFFFF
                f.write(f"{state}\n")
        self.same("sort", "--parallel=4", "-S", "50M", "-n", lines, proof=False)

    def build(self, name: str, text: str, *compiler: str) -> Path:
        source, program = self.directory / name, self.directory / "program"
        source.write_text(text)
        result = run(*compiler, "-O1", "-pthread", "-o", program, source)
        self.assertEqual(result.returncode, 0, result.stderr)
        return program

    @slow
    def test_forks_while_others_allocate(self) -> None:
        self.assertEqual(self.same(self.build("a.c", FORKS, "gcc")), "300 children ended well\n")

    def test_cpp(self) -> None:
        program = self.build("a.cc", CPP, "g++", "-std=c++17")
        self.assertEqual(self.same(program), "20000 0\nbad_alloc\nnullptr\n")

    def test_new_handlers(self) -> None:
        program = self.build("a.cc", HANDLERS + CPP_MAIN, "g++", "-std=c++17")
        output = self.same(program)
        self.assertIn("throws_bad_alloc: new null, 1 calls; new[] null, 1 calls;", output)
        self.assertIn("reserve: memory, 1 calls; none left: null, 1 calls;", output)

    def test_new_handlers_of_a_plugin(self) -> None:
        """The C++ library came with it into a program in C, for none but the plugin to see."""
        flags = "-std=c++17 -shared -fPIC -x c++".split()
        plugin = self.build("a.cc", HANDLERS, "g++", *flags).rename(self.directory / "plugin.so")
        output = self.same(self.build("a.c", C_MAIN, "gcc"), plugin)
        self.assertIn("throws_number: new null, 1 calls; new[] null, 1 calls;", output)

    def test_second_names(self) -> None:
        program = self.build("a.c", SECOND_NAMES, "gcc", "-fno-builtin", "-w")
        self.assertIn("wrong: 0\n", self.same(program))

    def test_frees_under_locks_of_the_c_library(self) -> None:
        """They begin no thread, for that would wait for ever, with all signals blocked."""
        program = self.build("a.c", LOCKED_FREES, "gcc", "-pthread")
        for library in (LIBRARY, HARDENED):
            result = run("timeout", "-s", "KILL", "40", program, env=environment(library))
            self.assertEqual((result.returncode, result.stdout), (0, "threads: 1, 2\n"), result)

    def test_threads_that_a_program_lists(self) -> None:
        """The library's own is none of them: it comes from the C library's pthread_create."""
        program = self.build("a.c", OWN_CREATE, "gcc", "-rdynamic")
        for library in (LIBRARY, HARDENED):
            for scavenge, alone in ("2", "1, 0"), ("thread", "0, 0"):
                env = environment(library, GOMALLOC_SCAVENGE=scavenge)
                result = run("timeout", "-s", "KILL", "40", program, env=env)
                wanted = (0, f"alone: {alone}; listed: 0\n")
                self.assertEqual((result.returncode, result.stdout), wanted, result)

    def test_thread_for_ever_keeps_no_process(self) -> None:
        """It has all signals blocked, so that nothing but SIGKILL would end the process."""
        program = self.build("a.c", OWN_CREATE, "gcc", "-rdynamic")
        for library in (LIBRARY, HARDENED):
            proof = (f"LD_PRELOAD={library}", "GOMALLOC_SCAVENGE=thread")
            result = run("timeout", "-s", "KILL", "40", "env", *proof, program, "ends")
            self.assertEqual(result.returncode, 0, result)

    def test_reports(self) -> None:
        """malloc_stats, malloc_info and mallinfo speak of this heap; mallopt refuses."""
        program = self.build("a.c", REPORTS, "gcc", "-Wno-deprecated-declarations")
        for library in (LIBRARY, HARDENED):
            result = run(program, env=environment(library))
            self.assertEqual(result.returncode, 0, result.stderr)
            in_use = [int(n) for n in re.findall(r"in use bytes +=\s+(\d+)", result.stderr)]
            system = [int(n) for n in re.findall(r"system bytes +=\s+(\d+)", result.stderr)]
            self.assertEqual(len(in_use), 4, result.stderr)
            self.assertEqual(in_use[1] - in_use[3], 2000 * 1024, "the class's size")
            self.assertTrue(3000 * 1024 <= in_use[0] == in_use[1] < 3000 * 1024 + 100000)
            self.assertGreaterEqual(system[1], in_use[1])
            self.assertIn("options 22, full -1, granted 0, mcheck -1\n", result.stdout)
            infos = re.findall(r"info (\d)\nmallinfo2 (\d+) mallinfo (\d+)\n", result.stdout)
            self.assertEqual(infos, [("0", str(n), str(n)) for n in in_use[1::2]])
            free = [
                self.free_of_info(text, system[1])
                for text in re.findall(r"<malloc.*?</malloc>", result.stdout, re.DOTALL)
            ]
            self.assertEqual(free[1] - free[0], 2000)

    def free_of_info(self, text: str, system: int) -> int:
        """The free objects of 1,024 bytes in a malloc_info, whose form is checked, too."""
        malloc = xml.etree.ElementTree.fromstring(text)
        heap = malloc.find("heap")
        assert heap is not None
        self.assertEqual((malloc.tag, malloc.get("version"), heap.get("nr")), ("malloc", "1", "0"))
        for place in (malloc, heap):
            for what in ("current", "max"):
                element = place.find(f"system[@type='{what}']")
                assert element is not None
                self.assertEqual(int(element.get("size", "")), system)
            for what in ("aspace[@type='total']", "total[@type='fast']", "total[@type='rest']"):
                self.assertIsNotNone(place.find(what))
        count = of_1024 = 0
        for size in heap.iterfind("sizes/size"):
            n, to = int(size.get("count", "")), int(size.get("to", ""))
            self.assertEqual(int(size.get("total", "")), n * to)
            self.assertLess(int(size.get("from", "")), to)
            count += n
            if to == 1024:
                of_1024 = n
        rest = heap.find("total[@type='rest']")
        assert rest is not None
        self.assertEqual(int(rest.get("count", "")), count)
        return of_1024

    def test_replaced_operators(self) -> None:
        """A program's own operator new and delete serve the forms that it has not replaced."""
        for kinds in ("SINGLE", "ARRAY", "WIDE", "SINGLE ARRAY", "SINGLE WIDE", "ARRAY WIDE", ""):
            with self.subTest(kinds):
                flags = ["-D" + kind for kind in kinds.split()]
                # The compiler must not leave out pairs of new and delete.
                flags += ["-std=c++17", "-w", "-fno-allocation-dce"]
                program = self.build("a.cc", REPLACED, "g++", *flags)
                self.assertRegex(self.same(program), r"^(\d+) \1 (\d+) \2 (\d+) \3\n$")

    def test_library_bound_to_its_own_operators(self) -> None:
        """Its blocks are of malloc, and the program deletes them; without such a library that is an error."""
        for own in ("-DOWN",), ():
            flags = ("-shared", "-fPIC", "-Wl,-Bsymbolic", *own)
            library = self.build("library.cc", BOUND_LIBRARY, "g++", *flags).rename(
                self.directory / "libbound.so"
            )
            program = self.build("main.cc", BOUND_MAIN, "g++", "-Wl,--no-as-needed", str(library))
            if own:
                self.assertEqual(self.same(program), "7\n")
        wrong = BOUND_MAIN.replace("new int", "static_cast<int *>(std::malloc(4))")
        program = self.build(
            "wrong.cc", "#include <cstdlib>\n" + wrong, "g++", "-Wl,--no-as-needed", str(library)
        )
        result = run(program, env=environment(HARDENED))
        self.assertEqual(result.returncode, -signal.SIGABRT, result)
        self.assertIn("mismatch: delete of a block of 4 bytes of malloc", result.stderr)

    def test_unload(self) -> None:
        """A library that was opened and closed serves the threads and blocks that it has."""
        program = self.build("a.c", UNLOAD, "gcc")
        for library in (LIBRARY, HARDENED):
            result = run(program, library)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stdout, "a key: 0\nblocks: 7 1\n")

    @slow
    def test_redis(self) -> None:
        if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
            self.skipTest("redis-server is not installed")
        plain = self.serve(None)
        self.assertGreater(len(plain), 1000000)
        for library in (LIBRARY, HARDENED):
            self.assertEqual(self.serve(library), plain)

    def serve(self, library: Optional[Path]) -> str:
        """A server's replies to REDIS, in an empty database. One with a library is loaded before."""
        words = ["redis-server", "--port", "0", "--unixsocket", "socket", "--save", ""]
        words += ["--io-threads", "2"]
        with subprocess.Popen(
            words,
            cwd=self.directory,
            env=environment(library) if library else None,
            stdout=subprocess.DEVNULL,
        ) as server:
            try:
                at: Any = {"cwd": self.directory}  # the path of a socket must be short
                client = ["redis-cli", "-s", "socket"]
                deadline = time.monotonic() + 300
                while run(*client, "ping", **at).stdout != "PONG\n":
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.05)
                if library:
                    load = ["-s", "socket", "-q", "-n", "20000", "-r", "5000", "-d", "200", "-t"]
                    load += ["set,get,lpush,lrange_100,zadd,hset,mset"]
                    result = run("redis-benchmark", *load, **at)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    maps = Path(f"/proc/{server.pid}/maps").read_text(encoding="ascii")
                    self.assertIn(library.name, maps)
                replies = run(*client, "-n", "1", input=REDIS, **at)
                self.assertEqual(replies.returncode, 0, replies.stderr)
                self.assertNotIn("ERR", replies.stdout)
                run(*client, "shutdown", "nosave", **at)
                self.assertEqual(server.wait(timeout=600), 0)
                return replies.stdout
            finally:
                server.kill()


class BadFrees(unittest.TestCase):
    def outcome(self, library: Path, statements: str) -> "subprocess.CompletedProcess[str]":
        code = f"""
import ctypes
c = ctypes.CDLL(None)
c.malloc.restype = c.realloc.restype = ctypes.c_void_p
malloc, free, realloc = c.malloc, c.free, c.realloc
free.argtypes, realloc.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_size_t]
p, big = malloc(1000), malloc(100000)
print(hex(p), hex(big), flush=True)
{statements}
"""
        return run(PYTHON, "-c", code, env=environment(library))

    def dies(self, library: Path, statements: str, reason: str, at: str = "") -> None:
        result = self.outcome(library, statements)
        self.assertEqual(result.returncode, -signal.SIGABRT, result.stderr)
        self.assertRegex(result.stderr, rf"gomalloc: .*{reason}.*: 0x[0-9a-f]+")
        p, big = (int(word, 16) for word in result.stdout.split())
        if at:
            address = re.search("0x[0-9a-f]+$", result.stderr.strip())
            self.assertIsNotNone(address)
            assert address
            self.assertEqual(int(address.group(), 16), p + 8 if at == "p + 8" else {"p": p}[at])
        self.assertNotEqual(p, big)

    def test_hardened(self) -> None:
        for statements, reason, at in (
            ("free(p); free(p)", "double free", "p"),
            ("free(p + 8)", "within a block", "p + 8"),
            ("free(big); free(big)", "free memory", ""),
            ("free(big + 8192)", "within a large block", ""),
            ("free(0x1234560)", "outside of the heap", ""),
            ("free(0xdeadbeefdeadbeef)", "outside of the heap", ""),
            ("free(id(c.malloc) & ~0xfff | 8)", "free of an address", ""),
            ("free(p); realloc(p, 5000)", "realloc of a block that is free", "p"),
            (
                "free(p); ctypes.memset(p, 0x41, 8)\nfor i in range(3000): free(malloc(1000))",
                "write after free",
                "",
            ),
        ):
            with self.subTest(statements):
                self.dies(HARDENED, statements, reason, at)

    def test_normal(self) -> None:
        for statements, reason in (
            ("free(big); free(big)", "not a block"),
            ("free(big + 8192)", "not a block"),
            ("free(0x1234560)", "not a block"),
        ):
            with self.subTest(statements):
                self.dies(LIBRARY, statements, reason)
