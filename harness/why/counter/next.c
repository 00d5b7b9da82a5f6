#include "next.h"

#include "count.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct next next;

/* dlsym may ask for a few blocks of its own, before it has found what serves them. */
_Alignas(64) char next_early_bytes[NEXT_EARLY_BYTES];
static _Atomic size_t early_used;

enum { NOT_YET, LOOKING, FOUND };
static _Atomic int state; /* FOUND is stored release, and read acquire */
static _Atomic int looks; /* the thread that looks, by gettid; relaxed: only it compares equal */

/* The addresses of the allocator's file, and of those that it needs. */
enum { MOST_OBJECTS = 16 };
static struct object {
    const struct link_map *map;
    uintptr_t from, to;
} held[MOST_OBJECTS];
static size_t objects;

void *next_early(size_t size, size_t alignment) {
    if (alignment < 16)
        alignment = 16;
    if (size > sizeof next_early_bytes || alignment > sizeof next_early_bytes)
        return NULL;
    const size_t need = size + alignment;
    const size_t at   = atomic_fetch_add_explicit(&early_used, need, memory_order_relaxed);
    if (at + need > sizeof next_early_bytes)
        return NULL;
    const uintptr_t start = (uintptr_t)next_early_bytes + at;
    return next_early_bytes +
           (((start + alignment - 1) & ~(uintptr_t)(alignment - 1)) - (uintptr_t)next_early_bytes);
}

void *next_find(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

bool next_holds(const void *address) {
    for (size_t i = 0; i < objects; i++)
        if ((uintptr_t)address - held[i].from < held[i].to - held[i].from)
            return true;
    return false;
}

static int see_object(struct dl_phdr_info *info, size_t size, void *arg) {
    struct object *object  = arg;
    const uintptr_t inside = (uintptr_t)object->map->l_ld;
    uintptr_t from = UINTPTR_MAX, to = 0;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD)
            continue;
        const uintptr_t at = info->dlpi_addr + p->p_vaddr;
        from               = at < from ? at : from;
        to                 = at + p->p_memsz > to ? at + p->p_memsz : to;
    }
    if (inside < from || inside >= to)
        return 0;
    object->from = from;
    object->to   = to;
    return 1;
}

static void hold(const struct link_map *map) {
    for (size_t i = 0; i < objects; i++)
        if (held[i].map == map)
            return;
    if (objects == MOST_OBJECTS)
        return;
    held[objects].map = map;
    objects += dl_iterate_phdr(see_object, &held[objects]) != 0;
}

/* A part of the C library or of the runtime of C++, which others need, too? */
static bool is_common(const char *name) {
    static const char *const all[] = {
        "libc.", "libm.", "libmvec.",   "libpthread.", "libdl.",     "librt.",    "ld-",
        "ld64.", "ld.",   "libstdc++.", "libc++.",     "libc++abi.", "libgcc_s.", "libatomic."};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strncmp(name, all[i], strlen(all[i])) == 0)
            return true;
    return false;
}

/* glibc has put addresses into the section where it can write to it. */
static const char *strings_of(const struct link_map *m) {
    for (const ElfW(Dyn) *d = m->l_ld; d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_STRTAB)
            return (const char *)(d->d_un.d_ptr < m->l_addr ? m->l_addr + d->d_un.d_ptr // NOLINT
                                                            : d->d_un.d_ptr);
    return NULL;
}

static bool is_called(const struct link_map *m, const char *name) {
    const char *slash = strrchr(m->l_name, '/'), *strings = strings_of(m);
    if (strcmp(m->l_name, name) == 0 || (slash && strcmp(slash + 1, name) == 0))
        return true;
    for (const ElfW(Dyn) *d = m->l_ld; strings && d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_SONAME)
            return strcmp(strings + d->d_un.d_val, name) == 0;
    return false;
}

static void hold_needed(const struct link_map *by) {
    const char *strings          = strings_of(by);
    const struct link_map *first = by;
    while (first->l_prev)
        first = first->l_prev;
    for (const ElfW(Dyn) *d = by->l_ld; strings && d->d_tag != DT_NULL; d++) {
        const char *name = d->d_tag == DT_NEEDED ? strings + d->d_un.d_val : NULL;
        if (!name || is_common(name))
            continue;
        for (const struct link_map *m = first; m; m = m->l_next)
            if (is_called(m, name))
                hold(m);
    }
}

/* An allocator may have its malloc in one file, and what takes memory in another (tbbmalloc). */
static void hold_all(const struct link_map *allocator) {
    hold(allocator);
    for (size_t i = 0; i < objects; i++)
        hold_needed(held[i].map);
}

/* Is it laid out so here? If not, the library is asked. The largest size is above what could change
 * the threshold of mmap when it is freed (DEFAULT_MMAP_THRESHOLD_MAX). */
static bool is_like_glibc(void) {
    static const size_t sizes[] = {1, 24, 25, 1000, 20000, 40000000};
    bool like                   = true;
    if (!next_find("gnu_get_libc_version") || !next_holds(next_find("gnu_get_libc_version")))
        return false;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *block = next.malloc(sizes[i]);
        like        = like && (!block || next.usable(block) == next_glibc_usable(block));
        next.free(block);
    }
    return like;
}

static size_t (*mimalloc_promised)(size_t);

static size_t ask_mimalloc(size_t size, int flags) {
    (void)flags;
    return mimalloc_promised(size);
}

/* jemalloc and gperftools have nallocx, mimalloc has mi_good_size. */
static void look_for_promise(void) {
    void *found              = next_find("nallocx");
    *(void **)&next.promised = found && next_holds(found) ? found : NULL;
    found                    = next_find("mi_good_size");
    if (found && next_holds(found)) {
        *(void **)&mimalloc_promised = found;
        next.promised                = ask_mimalloc;
    }
}

/* In front of the counter there is the program alone. One at a fixed address that takes the address
 * of malloc has a symbol for it, with a value, which defines nothing. */
static bool has_own(void) {
    Dl_info self, info;
    void *symbol = NULL, *first = dlsym(RTLD_DEFAULT, "malloc");
    return first && dladdr(&next, &self) && dladdr1(first, &info, &symbol, RTLD_DL_SYMENT) &&
           info.dli_fbase != self.dli_fbase && symbol &&
           ((const ElfW(Sym) *)symbol)->st_shndx != SHN_UNDEF;
}

/* An allocator without malloc_usable_size: that of the next object is not about its blocks. */
static void look(void) {
    Dl_info info;
    void *map                      = NULL;
    *(void **)&next.malloc         = next_find("malloc");
    *(void **)&next.calloc         = next_find("calloc");
    *(void **)&next.realloc        = next_find("realloc");
    *(void **)&next.free           = next_find("free");
    *(void **)&next.posix_memalign = next_find("posix_memalign");
    *(void **)&next.aligned_alloc  = next_find("aligned_alloc");
    *(void **)&next.memalign       = next_find("memalign");
    *(void **)&next.valloc         = next_find("valloc");
    *(void **)&next.pvalloc        = next_find("pvalloc");
    *(void **)&next.usable         = next_find("malloc_usable_size");
    *(void **)&next.getattr        = next_find("pthread_getattr_np");
    next.own                       = has_own();
    if (dladdr1(*(void **)&next.malloc, &info, &map, RTLD_DL_LINKMAP) && info.dli_fname)
        strncpy(next.object, info.dli_fname, sizeof next.object - 1);
    if (map)
        hold_all(map);
    if (next.usable && !next_holds(*(void **)&next.usable))
        next.usable = NULL;
    /* gperftools asks for memory at the first question about a size: now, it gets an early block.
     */
    void *block = next.usable ? next.malloc(1) : NULL;
    if (block) {
        (void)next.usable(block);
        next.free(block);
    }
    next.glibc = next.usable && is_like_glibc();
    look_for_promise();
}

bool next_ready(void) {
    if (atomic_load_explicit(&state, memory_order_acquire) == FOUND)
        return true;
    int none = NOT_YET;
    if (!atomic_compare_exchange_strong(&state, &none, LOOKING)) {
        if (atomic_load_explicit(&looks, memory_order_relaxed) == gettid())
            return false;
        while (atomic_load_explicit(&state, memory_order_acquire) != FOUND)
            usleep(10);
        return true;
    }
    atomic_store_explicit(&looks, gettid(), memory_order_relaxed);
    look();
    count_begin();
    atomic_store_explicit(&state, FOUND, memory_order_release);
    count_after();
    return true;
}
