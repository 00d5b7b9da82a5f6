#include "serving.h"

#include "allocator_version.h"
#include "elf_image.h"
#include "elf_symtab.h"
#include "objects.h"
#include "process.h"
#include "tap.h"

#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static struct serving found;

static void test_itself(void) {
    serving_find(getpid(), NULL, &found);
    IS(found.state, SERVING_KNOWN, "this process is known");
    IS(found.how, SERVING_BOUND, "by the dynamic linker's list");
    OK(serving_is_named(&found, "system"), "the C library serves it, not %s", found.name);
    OK(found.checked, "its own calls were seen to go there");
    OK(!found.fixed && !found.secure, "it is neither static nor privileged");
    IS(found.parent, getppid(), "its parent");
    OK(!serving_finding(&found), "nothing is other than asked for");
    OK(serving_is(&found, found.object) && !serving_is(&found, "/bin/sh"), "the file that serves");

    serving_find(getpid(), &(struct serving_question){.asked = "/nonexistent/a.so"}, &found);
    OK(serving_finding(&found), "a library that was asked for is missed");
    serving_find(getpid(), &(struct serving_question){.brief = true}, &found);
    OK(found.state == SERVING_KNOWN && !*found.version, "a brief look says who, not more");
}

static void test_gone(void) {
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    serving_find(child, NULL, &found);
    IS(found.state, SERVING_GONE, "a zombie is gone");
    waitpid(child, NULL, 0);
    serving_find(child, NULL, &found);
    IS(found.state, SERVING_GONE, "so is one that is not there");
    OK(*found.why, "and it says so");
}

/* As Linux 6 writes them: kthreadd, and a program that chose a name. */
static void test_stat(void) {
    struct process p = {0};
    OK(process_parse("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 24 0 0\n", &p) &&
           p.kernel && p.parent == 0 && p.started == 24 && strcmp(p.command, "kthreadd") == 0,
       "a thread of the kernel is one");
    OK(process_parse("7 (a) R (b) S 3 7 7 0 -1 4194560 9 9 0 0 1 1 0 0 20 0 1 0 512 9 9\n", &p) &&
           !p.kernel && p.parent == 3 && p.started == 512 && strcmp(p.command, "a) R (b") == 0,
       "a program is none, whatever its name");
    OK(!process_parse("7 (a) S 3 7\n", &p) && !process_parse("", &p), "less is refused");
}

/* Mapped files that grow without a pause: no list of them tells one twice. */
static void test_growing_files(void) {
    enum { FILES = 40, LOOKS = 400, PAGE = 4096, MOST = 256 * PAGE };
    const int file    = memfd_create("grows", MFD_CLOEXEC);
    const size_t room = (size_t)FILES * 2 * MOST;
    char *all         = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(all, room);
    for (char *at = all; at < all + room; at += 2 * MOST)
        (void)mmap(at, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0);
    const pid_t child = fork();
    if (child == 0) {
        for (size_t size = PAGE, next;; size = next) {
            next = size % MOST + PAGE;
            for (char *at = all; at < all + room; at += 2 * MOST)
                (void)mremap(at, size, next, 0);
        }
    }
    struct process p  = {.pid = child};
    unsigned overlaps = 0, files = 0;
    for (int look = 0; look < LOOKS; look++) {
        process_read_maps(&p);
        for (size_t i = 0; i < p.maps; i++) {
            files += strstr(p.map[i].path, "grows") != NULL;
            overlaps += i > 0 && p.map[i].start < p.map[i - 1].end;
        }
    }
    IS(files, FILES * LOOKS, "each look sees each file");
    IS(overlaps, 0, "no mapping of a file lies on another");
    for (char *at = all; at < all + room; at += 2 * MOST)
        munmap(at, PAGE);
    process_free(&p);
    close(file);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* --- both ways to list the objects ---------------------------------------------------------------
 */

/* The inode of the first object that defines malloc, 0: none; and how many there are. */
static ino_t first_of(const struct objects *o) {
    struct elf_symbol symbol;
    for (size_t i = 0; i < o->count; i++)
        if (elf_image_find(&o->object[i].image, "malloc", &symbol))
            return o->object[i].file ? o->object[i].file->inode : 0;
    return 0;
}

static pid_t start(char *const *argv) {
    int ready[2];
    char byte = 0;
    if (pipe2(ready, O_CLOEXEC) != 0)
        return -1;
    const pid_t child = fork();
    if (child == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    close(ready[1]);
    (void)!read(ready[0], &byte, 1); /* ends at the exec */
    close(ready[0]);
    for (int tries = 0; tries < 500; tries++) {
        serving_find(child, &(struct serving_question){.brief = true}, &found);
        if (found.state != SERVING_STARTING)
            break;
        usleep(10000);
    }
    return child;
}

static void test_both_ways(char *const *argv) {
    const pid_t child        = start(argv);
    struct process p         = {0};
    struct elf_image program = {0};
    struct objects linked = {0}, mapped = {0};
    const int file = process_open(child, "exe", O_RDONLY);
    const int mem  = process_open(child, "mem", O_RDONLY);
    OK(process_look(child, &p) && elf_image_file(&program, file), "%s runs", argv[0]);
    process_read(&p, program.wide);
    OK(objects_linked(&p, &program, mem, &linked), "it has a list of objects");
    OK(objects_mapped(&p, &mapped), "and mapped files");
    OK(first_of(&linked) && first_of(&linked) == first_of(&mapped), "both name the same object");
    const ino_t serves = first_of(&mapped);
    objects_free(&linked);
    objects_free(&mapped);
    /* The mapped files were read when there was the program alone. */
    while (p.maps > 1)
        free(p.map[--p.maps].path);
    OK(objects_linked(&p, &program, mem, &linked) && first_of(&linked) == serves,
       "also if it was mapped after the files were looked at");
    objects_free(&linked);
    process_free(&p);
    close(file);
    close(mem);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* The dynamic linker's own, where _r_debug may be a copy. */
static struct r_debug *own_list(void) {
    const ElfW(Dyn) *d = _DYNAMIC;
    while (d->d_tag != DT_DEBUG)
        d++;
    return (struct r_debug *)d->d_un.d_ptr; // NOLINT(performance-no-int-to-ptr)
}

static void have_no_end(void) {
    struct link_map *m = own_list()->r_map;
    while (m->l_next)
        m = m->l_next;
    m->l_next = own_list()->r_map;
}

static void be_within_dlopen(void) {
    own_list()->r_state = RT_ADD;
}

/* A copy of this process, whose dynamic linker's list is as `change` leaves it. */
static void test_list(void (*change)(void), enum serving_state state, enum serving_how how,
                      const char *what) {
    int ready[2];
    char byte = 0;
    if (pipe(ready) != 0)
        exit(9);
    const pid_t child = fork();
    if (child == 0) {
        change();
        (void)!write(ready[1], &byte, 1);
        for (;;)
            pause();
    }
    (void)!read(ready[0], &byte, 1);
    serving_find(child, &(struct serving_question){.brief = true}, &found);
    OK(found.state == state && found.how == how, "%s", what);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
}

static void test_preloaded(void) {
    static const char library[] = BUILD "/libgomalloc.so";
    if (access(library, R_OK) != 0) {
        tap_skip("a preloaded library", "gomalloc is not built");
        return;
    }
    setenv("LD_PRELOAD", library, 1);
    test_both_ways((char *[]){"/bin/sleep", "60", NULL});
    unsetenv("LD_PRELOAD");
    OK(serving_is_named(&found, "gomalloc") && serving_is(&found, library),
       "which is the preloaded library");
    CONTAINS(found.preload, library, "as its environment says");
}

/* --- broken files --------------------------------------------------------------------------------
 */

static uint64_t state = 1;

static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static void ignore(void *arg, const char *name) {
    *(size_t *)arg += strlen(name);
}

static void read_all_of(int fd) {
    static const char *const names[] = {"main", "malloc"};
    struct elf_image m;
    struct elf_symbol symbol;
    char version[64];
    bool has[2];
    size_t length = 0;
    if (elf_image_file(&m, fd)) {
        (void)elf_image_find(&m, "malloc", &symbol);
        (void)elf_image_find(&m, "no_such_name", &symbol);
        elf_image_needed(&m, ignore, &length);
    }
    (void)elf_symtab_has(fd, names, has, 2);
    (void)elf_symtab_section(fd, ".go.buildinfo");
    allocator_version(known_by_name("mimalloc"), fd, "x", version, sizeof version);
}

/* Seconds of CPU time, however busy the machine is; 0: none. Then SIGPROF ends the test. */
static void set_limit(time_t seconds) {
    setitimer(ITIMER_PROF, &(struct itimerval){.it_value.tv_sec = seconds}, NULL);
}

/* Bytes in the headers, the dynamic section and the tables of this program, one after another. */
static void test_broken_files(void) {
    enum { ROUNDS = 3000, AT_ONCE = 3, HEAD = 4096 };
    struct elf_image m;
    const int self   = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const off_t size = lseek(self, 0, SEEK_END);
    const int copy   = memfd_create("broken", MFD_CLOEXEC);
    char *bytes      = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, self, 0);
    OK(write(copy, bytes, (size_t)size) == (ssize_t)size && elf_image_file(&m, copy), "a copy");
    set_limit(120); /* an endless loop fails the test */
    for (int round = 0; round < ROUNDS; round++) {
        off_t at[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            const unsigned char byte = draw(2) ? 0xff : (unsigned char)draw(256);
            at[i] = draw(4) ? draw(HEAD) : size - 1 - draw(HEAD); /* the sections' table is last */
            (void)!pwrite(copy, &byte, 1, at[i]);
        }
        read_all_of(copy);
        for (int i = 0; i < AT_ONCE; i++)
            (void)!pwrite(copy, bytes + at[i], 1, at[i]);
    }
    for (off_t cut = size; cut > 0; cut = cut * 7 / 8) {
        (void)!ftruncate(copy, cut);
        read_all_of(copy);
    }
    set_limit(0);
    OK(true, "%d broken copies and some cut ones are read to their end", ROUNDS);
    munmap(bytes, (size_t)size);
    close(copy);
    close(self);
}

int main(void) {
    test_itself();
    test_gone();
    test_stat();
    test_growing_files();
    test_both_ways((char *[]){"/bin/sleep", "60", NULL});
    test_both_ways((char *[]){"/usr/bin/perl", "-e", "sleep 60", NULL});
    test_list(have_no_end, SERVING_KNOWN, SERVING_MAPPED, "a list without an end is left");
    test_list(be_within_dlopen, SERVING_STARTING, SERVING_BOUND, "one that changes is waited for");
    test_preloaded();
    test_broken_files();
    return tap_done();
}
