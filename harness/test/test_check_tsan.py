"""What no plain run on x86 sees: an allocator whose orders of memory are too weak. The cell and the allocator
are built with ThreadSanitizer (make check-tsan), and blocks go one way with no order but the allocator's."""

import json
import os
import unittest

from driving import BUILD, FAULTY, ROOT, DriverTest, adapter_keys, clean_environment, run, slow

SANITIZED = BUILD / "tsan"
BUGS = ROOT / "allocators" / "faulty" / "check"


@slow
class Tsan(DriverTest):
    def build(self, *names: str) -> None:
        if "tsan" not in os.environ.get("SANITIZERS", "tsan").split():
            self.skipTest("SANITIZERS says: without tsan")
        targets = [str((SANITIZED / name).relative_to(ROOT)) for name in names]
        environment = clean_environment(B=BUILD.relative_to(ROOT))
        built = run("make", "DEPS=skip", *targets, cwd=ROOT, env=environment)
        self.assertEqual(built.returncode, 0, built.stdout + built.stderr)

    def test_a_race_is_a_failure_that_says_where(self) -> None:
        self.build("faulty/relaxed_free")
        words = f"--cells {SANITIZED}/faulty"
        code, seen = self.check(ALLOCATORS="relaxed_free", CHECKS="cross_thread.reuse", ARGS=words)
        self.assertEqual(code, 1)
        self.assertRegex(seen["cross_thread.reuse"], "data race .*remote.h:[0-9]+ in remote_")

    def check(self, **variables: str) -> tuple[int, dict[str, str]]:
        """The exit code, and what was seen of each check that failed."""
        environment = clean_environment(DEPS="skip", OUT=self.out, **variables)
        result = run("scripts/check.sh", "check-tsan", cwd=ROOT, env=environment)
        (file,) = self.out.glob("*/conformance.json")
        results = json.loads(file.read_text())["results"]
        self.assertEqual({r["verdict"] for r in results} - {"pass", "fail"}, set(), result.stderr)
        return result.returncode, {r["check"]: r["seen"] for r in results if r["seen"]}

    def test_gomalloc_orders_its_memory(self) -> None:
        self.build("cell/gomalloc")
        self.assertEqual(self.check(ALLOCATORS="gomalloc", CHECKS="cross_thread.reuse"), (0, {}))

    def test_planted_bugs_are_found_here_and_not_by_a_plain_run(self) -> None:
        keys = {p.stem: adapter_keys(p).get("caught-by", "").split() for p in BUGS.glob("*.c")}
        bugs = {name: words[1:] for name, words in keys.items() if words[:1] == ["tsan"]}
        self.assertEqual(sum(not checks for checks in bugs.values()), 1, "one is sound")
        self.build(*(f"faulty/{name}" for name in bugs))
        for name, checks in bugs.items():
            plain = run(FAULTY / name, "--check", "cross_thread.reuse")
            self.assertEqual(plain.returncode, 0, "x86 keeps the order that the program omits")
            options = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}
            seen = run(SANITIZED / "faulty" / name, "--check", "cross_thread.reuse", env=options)
            with self.subTest(name):
                self.assertEqual(bool(checks), "ThreadSanitizer: data race" in seen.stderr)
                self.assertEqual(bool(checks), seen.returncode != 0)


if __name__ == "__main__":
    unittest.main()
