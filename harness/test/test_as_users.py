"""The conformance checks look at a library as programs have it: preloaded, beside the C++ library, with all
that it leaves to the C library."""

import json
import os
import unittest
from pathlib import Path
from typing import Any

from driving import CELLS, DriverTest, run, spanbench

# A heap beside the C library's that knows its own blocks only. With HALF, it leaves aligned_alloc out. With
# IGNORES, its free takes no notice of others' blocks. With RESERVES, it needs 2 GiB to begin.
LIBRARY = """
    #include <errno.h>
    #include <stdlib.h>
    #include <string.h>
    extern void *__libc_memalign(size_t, size_t);
    extern void __libc_free(void *);
    struct head { void *raw; size_t size, magic, room; };
    #define HEAD(p) ((struct head *)(p) - 1)
    void *memalign(size_t a, size_t n) {
        size_t room = a < sizeof(struct head) ? sizeof(struct head) : a;
        char *raw = __libc_memalign(room, n + room);
        if (!raw) return NULL;
        *HEAD(raw + room) = (struct head){raw, n, 77, room};
        return raw + room;
    }
    void *malloc(size_t n) { return memalign(16, n); }
    void *calloc(size_t n, size_t m) { void *p = malloc(n * m); return p ? memset(p, 0, n * m) : p; }
    void free(void *p) {
        if (!p) return;
        if (HEAD(p)->magic == 77) { HEAD(p)->magic = 0; __libc_free(HEAD(p)->raw); }
    #ifndef IGNORES
        else abort();
    #endif
    }
    void *realloc(void *old, size_t n) {
        void *p = malloc(n);
        if (p && old) memcpy(p, old, HEAD(old)->magic == 77 && HEAD(old)->size < n ? HEAD(old)->size : n);
        if (p) free(old);
        return p;
    }
    int posix_memalign(void **p, size_t a, size_t n) { return (*p = memalign(a, n)) ? 0 : ENOMEM; }
    void *valloc(size_t n) { return memalign(4096, n); }
    void *pvalloc(size_t n) { return memalign(4096, (n + 4095) / 4096 * 4096); }
    size_t malloc_usable_size(void *p) { return p ? HEAD(p)->size : 0; }
    void free_sized(void *p, size_t n) { if (p && HEAD(p)->size != n) abort(); free(p); }
    #ifndef HALF
    void *aligned_alloc(size_t a, size_t n) { return memalign(a, n); }
    #endif
    #ifdef RESERVES
    #include <sys/mman.h>
    __attribute__((constructor)) static void reserve(void) {
        if (mmap(0, 2ul << 30, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) abort();
    }
    #endif
"""


class AsUsers(DriverTest):
    def record(self, cell: str, check: str, **environment: Any) -> Any:
        result = run(CELLS / cell, "--check", check, env={**os.environ, **environment})
        self.assertEqual(result.stderr, "")
        return json.loads(result.stdout)

    def library(self, *flags: str) -> Path:
        source, library = self.directory / "it.c", self.directory / "libit.so"
        source.write_text(LIBRARY)
        built = run("cc", "-w", "-shared", "-fPIC", "-fno-builtin", *flags, "-o", library, source)
        self.assertEqual(built.returncode, 0, built.stderr)
        return library

    def checked(self, library: Path, checks: str) -> dict[str, Any]:
        words = ["--allocators", "system", "--preload", f"it={library}", "--checks", checks]
        result = spanbench("check", "--out", self.out, *words)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        (written,) = self.out.glob("*/conformance.json")
        results = json.loads(written.read_text())["results"]
        return {r["check"]: r for r in results if r["allocator"] == "it"}

    def test_the_cxx_library_comes_where_it_is_needed(self) -> None:
        record = self.record("system", "operators.provider")
        self.assertEqual(record["verdict"], "recorded", record)
        self.assertRegex(record["choice"], r"^libstdc\+\+\.so\.")

    def test_it_comes_after_a_library_that_has_its_own_operators(self) -> None:
        record = self.record("gomalloc", "operators.provider")
        self.assertEqual((record["verdict"], record["choice"]), ("recorded", "own"), record)

    def test_it_comes_after_what_the_user_preloads(self) -> None:
        own = """
            #include <stdlib.h>
            void *_Znwm(size_t n) { return malloc(n); }
            void _ZdlPv(void *p) { free(p); }
        """
        source, shim = self.directory / "new.c", self.directory / "new.so"
        source.write_text(LIBRARY + own)
        built = run("cc", "-w", "-shared", "-fPIC", "-fno-builtin", "-o", shim, source)
        self.assertEqual(built.returncode, 0, built.stderr)
        (result,) = self.checked(shim, "operators.provider").values()
        self.assertEqual((result["verdict"], result["choice"]), ("recorded", "own"), result)

    def test_what_users_preload_is_there(self) -> None:
        if not (CELLS / "tbbmalloc").exists():
            self.skipTest("tbbmalloc, whose proxy is preloaded, is not here")
        for check in ("aligned_alloc.fundamental", "valloc.aligned"):
            record = self.record("tbbmalloc", check)
            self.assertNotEqual(record["verdict"], "not supported", record)

    def test_half_a_family_is_found(self) -> None:
        results = self.checked(self.library("-DHALF"), "family.*")
        bad = results["family.standard"]
        self.assertEqual((bad["verdict"], bad["finding"]), ("fail", True), bad)
        self.assertIn("killed by SIGABRT, in free of a block of aligned_alloc", bad["seen"])

    def test_a_free_that_takes_no_notice_is_found(self) -> None:
        bad = self.checked(self.library("-DHALF", "-DIGNORES"), "family.standard")[
            "family.standard"
        ]
        self.assertEqual(bad["verdict"], "fail", bad)
        self.assertIn("blocks of aligned_alloc of 1048576 bytes were freed", bad["seen"])

    def test_a_whole_one_is_not(self) -> None:
        results = self.checked(self.library(), "family.*")
        self.assertEqual({r["verdict"] for r in results.values()}, {"pass"}, results)

    def test_what_the_adapter_leaves_out_is_looked_at(self) -> None:
        results = self.checked(self.library(), "sized_free.malloc")
        self.assertEqual(results["sized_free.malloc"]["verdict"], "pass")

    def test_a_limit_is_there_from_the_start(self) -> None:
        record = self.record("system", "limits.least_address_space")
        self.assertEqual(record["verdict"], "recorded", record)
        self.assertRegex(record["choice"], r"^\d+ MiB$")
        greedy = self.checked(self.library("-DRESERVES"), "limits.least_address_space")
        self.assertEqual(greedy["limits.least_address_space"]["verdict"], "fail", greedy)


if __name__ == "__main__":
    unittest.main()
