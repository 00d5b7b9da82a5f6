#include "known.h"

#include <fnmatch.h>
#include <string.h>

#define GO_MARK "\xff Go buildinf:" /* debug/buildinfo of Go's library */

/* An entry that is more special stands before one that is less. Go comes first: a static program of
 * both Go and C has two. */
const struct known_allocator known_allocators[] = {
    {
        .name     = "go",
        .symbol   = {"runtime.mallocgc"},
        .inner    = {"runtime.mallocgc"},
        .section  = ".go.buildinfo",
        .text     = {GO_MARK},
        .variable = {"GOGC", "GOMEMLIMIT", "GODEBUG"},
        .version  = {.before = GO_MARK, .before_length = sizeof GO_MARK - 1, .reach = 64},
        .remark =
            "a Go program: Go's runtime serves it from a heap of its own, and LD_PRELOAD does "
            "not reach that",
    },
    {
        .name     = "jemalloc",
        .object   = {"libjemalloc*.so*"},
        .symbol   = {"mallctl", "je_mallctl", "je_malloc", "_rjem_mallctl", "_rjem_malloc"},
        .inner    = {"je_malloc", "je_mallctl", "_rjem_malloc", "_rjem_mallctl", "jemalloc_malloc",
                     "_rjem_je_malloc_default"},
        .text     = {"<jemalloc>: "},
        .variable = {"MALLOC_CONF", "JE_MALLOC_CONF", "_RJEM_MALLOC_CONF", "JEMALLOC_*"},
        .version  = {.after = "-g"},
    },
    {
        .name     = "mimalloc",
        .object   = {"libmimalloc*.so*"},
        .symbol   = {"mi_version", "mi_malloc"},
        .inner    = {"mi_malloc", "_mi_malloc_generic"},
        .text     = {"mimalloc: "},
        .variable = {"MIMALLOC_*", "mimalloc_*"},
        .version  = {.function = "mi_version"},
    },
    {
        .name     = "tcmalloc",
        .object   = {"libtcmalloc*.so*"},
        .symbol   = {"tc_version", "tc_malloc", "TCMallocInternalMalloc",
                     "MallocExtension_Internal_GetNumericProperty"},
        .inner    = {"tc_malloc"},
        .text     = {"tcmalloc: large alloc"},
        .variable = {"TCMALLOC_*", "HEAPPROFILE", "HEAP_PROFILE_*", "HEAPCHECK", "MALLOCSTATS",
                     "PERFTOOLS_*"},
        .version = {.before = "gperftools ", .before_length = sizeof "gperftools " - 1, .reach = 1},
    },
    {
        .name     = "gomalloc-hardened",
        .object   = {"libgomalloc-hardened*.so*"},
        .like     = "gomalloc",
        .variable = {"GOMALLOC_*"},
        .version  = {.function = "gom_version"},
    },
    {
        .name     = "gomalloc",
        .object   = {"libgomalloc*.so*"},
        .symbol   = {"gom_version", "gom_malloc"},
        .inner    = {"gom_malloc"},
        .variable = {"GOMALLOC_*"},
        .version  = {.function = "gom_version"},
    },
    {
        .name     = "scudo",
        .object   = {"libclang_rt.scudo*.so*", "libscudo*.so*"},
        .symbol   = {"__scudo_print_stats", "__scudo_default_options"},
        .text     = {"Scudo ERROR: "},
        .variable = {"SCUDO_OPTIONS"},
        .version  = {.path = "/clang/"},
    },
    {
        .name     = "tbbmalloc",
        .object   = {"libtbbmalloc_proxy*.so*", "libtbbmalloc*.so*"},
        .symbol   = {"__TBB_malloc_proxy", "__TBB_malloc_safer_msize"},
        .inner    = {"scalable_malloc"},
        .variable = {"TBB_MALLOC_*"},
    },
    {
        .name   = "hardened_malloc",
        .object = {"libhardened_malloc*.so*"},
        .text   = {"fatal allocator error: "},
    },
    {.name   = "rpmalloc",
     .object = {"librpmalloc*.so*"},
     .symbol = {"rpmalloc_initialize"},
     .inner  = {"rpmalloc"}},
    {.name     = "snmalloc",
     .object   = {"libsnmalloc*.so*"},
     .symbol   = {"sn_malloc", "sn_rust_alloc"},
     .inner    = {"sn_rust_alloc"},
     .variable = {"SNMALLOC_*"}},
    {.name = "mesh", .object = {"libmesh*.so*"}, .symbol = {"mesh_mallctl"}},
    {.name = "hoard", .object = {"libhoard*.so*"}, .symbol = {"hoardInitialize"}},
    {.name     = "mozjemalloc",
     .object   = {"libmozglue.so"},
     .symbol   = {"moz_malloc_size_of"},
     .variable = {"MALLOC_OPTIONS"}},
    {.name     = "libumem",
     .object   = {"libumem*.so*"},
     .symbol   = {"umem_alloc"},
     .variable = {"UMEM_*"}},
    {
        .name     = "AddressSanitizer",
        .object   = {"libasan.so*", "libclang_rt.asan*.so*", "libclang_rt.hwasan*.so*"},
        .symbol   = {"__asan_init", "__hwasan_init"},
        .variable = {"ASAN_OPTIONS", "HWASAN_OPTIONS"},
        .remark = "a debugging allocator: its times and memory say nothing of the program without "
                  "it",
    },
    {
        .name     = "ThreadSanitizer",
        .object   = {"libtsan.so*", "libclang_rt.tsan*.so*"},
        .symbol   = {"__tsan_init"},
        .variable = {"TSAN_OPTIONS"},
        .remark = "a debugging allocator: its times and memory say nothing of the program without "
                  "it",
    },
    {
        .name   = "heaptrack",
        .object = {"libheaptrack_preload.so*"},
        .remark = "it counts, and calls the malloc of the next object",
    },
    {
        .name   = "memusage",
        .object = {"libmemusage.so*"},
        .remark = "it counts, and calls the malloc of the next object",
    },
    {
        .name     = "glibc's debugging malloc",
        .object   = {"libc_malloc_debug.so*"},
        .variable = {"MALLOC_CHECK_", "MALLOC_PERTURB_", "GLIBC_TUNABLES"},
    },
    {
        .name   = "musl",
        .object = {"ld-musl-*.so*", "libc.musl-*.so*"},
        .symbol = {"_dl_debug_addr"},
        .fixed  = {"__libc_malloc_impl", "__malloc_donate", "__expand_heap", "__malloc_alloc_meta"},
        .version = {.before = "\0001.", .before_length = 3, .overlap = 2, .reach = 1, .dots = 2},
    },
    {
        .name     = "glibc",
        .object   = {"libc.so.6", "libc-2.*.so"},
        .symbol   = {"gnu_get_libc_version"},
        .fixed    = {"_int_malloc", "ptmalloc_init", "ptmalloc_init.part.0"},
        .text     = {"malloc(): corrupted top size", "malloc(): memory corruption"},
        .variable = {"GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "MALLOC_ARENA_TEST",
                     "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_MAX_",
                     "MALLOC_MMAP_THRESHOLD_", "MALLOC_CHECK_", "MALLOC_PERTURB_"},
        .version  = {.before        = "stable release version ",
                     .before_length = sizeof "stable release version " - 1,
                     .reach         = 1},
    },
};
const size_t known_allocator_count = sizeof known_allocators / sizeof *known_allocators;
_Static_assert(sizeof known_allocators / sizeof *known_allocators <= KNOWN_MOST, "room for all");

const struct known_runtime known_runtimes[] = {
    {
        .name   = "CPython's pymalloc",
        .object = {"libpython*.so*"},
        .symbol = {"PyObject_Malloc"},
        .remark =
            "it serves objects of up to 512 bytes from arenas of its own; PYTHONMALLOC=malloc "
            "turns it off",
        .variable = "PYTHONMALLOC",
        .off      = {"malloc", "malloc_debug"},
    },
    {
        .name   = "V8's heap",
        .object = {"libnode.so*", "libv8.so*"},
        .symbol = {"_ZN2v87Isolate8AllocateEv"},
        .remark = "JavaScript objects lie in a heap of its own; Buffers and C++ use malloc",
    },
    {
        .name   = "the JVM's heap",
        .object = {"libjvm.so"},
        .remark = "Java objects lie in a heap of its own; the JVM's own data and JNI use malloc",
    },
    {
        .name   = "Ruby's heap",
        .object = {"libruby*.so*"},
        .symbol = {"ruby_init_stack"},
        .remark = "objects of 40 bytes and some more lie in pages of its own; what is longer uses "
                  "malloc",
    },
    {
        .name     = "PHP's Zend memory manager",
        .object   = {"libphp*.so*"},
        .symbol   = {"zend_mm_alloc", "_emalloc"},
        .remark   = "scripts use chunks of its own; USE_ZEND_ALLOC=0 turns it off",
        .variable = "USE_ZEND_ALLOC",
        .off      = {"0"},
    },
    {
        .name    = "Erlang's allocators",
        .program = {"beam.smp", "beam"},
        .remark = "it takes carriers from the system; +Mea min in ERL_FLAGS turns most of them off",
    },
    {
        .name   = ".NET's heap",
        .object = {"libcoreclr.so", "libclrgc.so"},
        .remark = "managed objects lie in a heap of its own",
    },
    {
        .name    = "memcached's slabs",
        .program = {"memcached"},
        .remark  = "items lie in pages of 1 MiB that it takes from malloc and does not give back",
    },
    {
        .name    = "PartitionAlloc",
        .program = {"chrome", "chromium"},
        .remark  = "the browser replaces malloc inside of itself",
    },
    {
        .name    = "an emulator",
        .program = {"qemu-*-static", "qemu-aarch64", "qemu-arm", "qemu-x86_64", "qemu-riscv64"},
        .remark  = "this is the emulator's malloc; that of the emulated program cannot be seen",
    },
    {
        .name    = "valgrind",
        .program = {"memcheck-*", "massif-*", "dhat-*", "callgrind-*", "cachegrind-*", "helgrind-*",
                    "drd-*"},
        .remark  = "this is the tool's malloc; most tools replace that of the program, too",
    },
};
const size_t known_runtime_count = sizeof known_runtimes / sizeof *known_runtimes;

bool known_matches(const char *const *globs, const char *name) {
    for (size_t i = 0; i < KNOWN_NAMES && globs[i]; i++)
        if (fnmatch(globs[i], name, 0) == 0)
            return true;
    return false;
}

const struct known_allocator *known_by_object(const char *base_name) {
    for (size_t i = 0; i < known_allocator_count; i++)
        if (known_matches(known_allocators[i].object, base_name))
            return &known_allocators[i];
    return NULL;
}

const struct known_allocator *known_by_name(const char *name) {
    for (size_t i = 0; i < known_allocator_count; i++)
        if (strcmp(known_allocators[i].name, name) == 0)
            return &known_allocators[i];
    return NULL;
}
