"""The command `check`: what it prints and writes, for people and for programs, and how it ends."""

import fnmatch
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import jsonschema
from driving import BUILD, CELLS, FAULTY, ROOT, SPANBENCH, DriverTest, clean_environment, run
from driving import of_processes, read_terminal, run_unread, spanbench

SCHEMA = json.loads((ROOT / "results" / "conformance.schema.json").read_text())
CHECKS = [  # by their whole names: others may come
    "errno.free",
    "errno.posix_memalign",
    "sized_free.null",
    "zero_size.malloc",
    "zero_size.malloc_choice",
]
FEW = ",".join(CHECKS)
VERDICTS = len(CHECKS) * 2


class CheckTest(DriverTest):
    def check(self, *words: Any, **options: Any) -> "subprocess.CompletedProcess[str]":
        cells = ["--cells", self.cells] if self.cells.exists() else []
        return spanbench("check", "--out", self.out, *cells, *words, **options)

    def written(self, name: str) -> Path:
        (path,) = self.out.glob("*/" + name)
        return path

    def junit(self) -> xml.etree.ElementTree.Element:
        """What scripts/junit.py makes of the run."""
        made = run(ROOT / "scripts" / "junit.py", self.written("conformance.json").parent)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        return xml.etree.ElementTree.parse(self.written("conformance.xml")).getroot()

    def document(self) -> Any:
        document = json.loads(self.written("conformance.json").read_text())
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        return document


class Output(CheckTest):
    def setUp(self) -> None:
        super().setUp()
        self.use_cells(FAULTY / "free_errno", CELLS / "system", CELLS / "null")
        (self.cells / "absent.skip").write_text("libabsent.so is not there\n")

    def test_document_is_as_its_schema_says(self) -> None:
        result = self.check("--checks", FEW, "--seed", "7", "--profile", "posix2024")
        self.assertEqual(result.returncode, 1)
        document = self.document()
        self.assertEqual((document["seed"], document["profile"]), (7, "posix2024"))
        self.assertTrue(document["complete"])
        self.assertIn("kernel", document["machine"])
        cells = {c["name"]: c for c in document["allocators"]}
        self.assertEqual(set(cells), {"free_errno", "system", "absent"})
        self.assertRegex(cells["system"]["version"], r"^2\.\d+")
        self.assertIn("libabsent", cells["absent"]["skipped"])
        (bad,) = [r for r in document["results"] if r["finding"]]
        self.assertEqual((bad["allocator"], bad["check"]), ("free_errno", "errno.free"))
        self.assertEqual(bad["class"], "required")
        self.assertIn("POSIX.1-2024 free", bad["clause"])
        self.assertIn("--seed 7", bad["repeat"])

    def test_the_schema_rejects_what_is_wrong(self) -> None:
        self.check("--checks", FEW)
        validator = jsonschema.Draft202012Validator(SCHEMA)
        validator.check_schema(SCHEMA)
        good = self.document()
        for path in (("machine",), ("seed",), ("results", 0, "clause"), ("checks", 0, "class")):
            document = json.loads(json.dumps(good))
            part = document
            for key in path[:-1]:
                part = part[key]
            del part[path[-1]]
            self.assertFalse(validator.is_valid(document), path)
        good["results"][0].update(verdict="fail", seen=None)
        self.assertFalse(validator.is_valid(good), "a failure says what was seen")

    def test_junit(self) -> None:
        self.check("--checks", FEW)
        root = self.junit()
        suites = {s.get("name"): s for s in root.findall("testsuite")}
        self.assertEqual(set(suites), {"free_errno", "system"})
        for suite in suites.values():
            cases = suite.findall("testcase")
            self.assertEqual(int(suite.get("tests", "")), len(cases))
            for kind in ("failures", "errors", "skipped"):
                found = [c for c in cases if c.find(kind.removesuffix("s")) is not None]
                self.assertEqual(int(suite.get(kind, "")), len(found), kind)
        (failure,) = suites["free_errno"].findall("testcase/failure")
        self.assertIn("EINVAL", failure.get("message", ""))
        for text in ("expected: errno is not modified", "seen:     free", "--check errno.free"):
            self.assertIn(text, failure.text or "")
        skipped = [s.get("message", "") for s in suites["system"].findall("testcase/skipped")]
        self.assertEqual(len(skipped), 2, skipped)
        self.assertTrue(any(s.startswith("not supported: the allocator has no") for s in skipped))
        self.assertTrue(any(s.startswith("a failure that does not count: ") for s in skipped))

    def test_tap(self) -> None:
        result = self.check("--checks", FEW, "--tap")
        lines = result.stdout.splitlines()
        self.assertEqual(lines[:2], ["TAP version 13", f"1..{VERDICTS}"])
        tests = [s for s in lines if re.match("(not )?ok ", s)]
        self.assertEqual(
            [int(re.findall(r"\d+", s)[0]) for s in tests], list(range(1, VERDICTS + 1))
        )
        self.assertIn("not ok 1 - free_errno errno.free", tests)
        self.assertTrue(any("errno.posix_memalign # TODO quality" in s for s in tests), tests)
        self.assertTrue(any("sized_free.null # SKIP the allocator has no" in s for s in tests))
        after = lines[lines.index("not ok 1 - free_errno errno.free") + 1 :]
        block = after[: after.index("  ...")]
        self.assertEqual(block[0], "  ---")
        values = {s.split(": ")[0].strip(): json.loads(s.split(": ", 1)[1]) for s in block[1:]}
        self.assertEqual(values["expected"], "errno is not modified")
        self.assertIn("EINVAL", values["seen"])
        self.assertIn("# FAIL: free_errno errno.free", result.stderr, "where prove shows it")
        self.assertIn("#   seen:     " + values["seen"], result.stderr)

    def test_prove_takes_it(self) -> None:
        command = f"{SPANBENCH} check --tap --out {self.out} --cells {self.cells} --checks {FEW}"
        result = run("prove", "--exec", command + " --allocators", "free_errno", "system")
        text = result.stdout + result.stderr
        self.assertRegex(text, r"free_errno \.+ *\n?(.*\n)*.*Failed 1/5 subtests")
        self.assertRegex(text, r"system \.+ ok")
        self.assertIn("expected: errno is not modified", text)
        self.assertNotEqual(result.returncode, 0)

    def test_absent_allocator_that_was_named_is_no_good_run(self) -> None:
        alone = self.check("--checks", "errno.free", "--allocators", "absent")
        self.assertEqual(alone.returncode, 2, alone.stderr)
        self.assertIn("absent is skipped: libabsent.so is not there", alone.stderr)
        self.assertFalse(self.out.exists(), "nothing is left behind")
        for others in ("system", "free_errno"):
            result = self.check("--checks", "errno.free", "--allocators", f"absent,{others}")
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(
                "absent was not checked, although you named it: libabsent.so is not there",
                "\n".join(result.stderr.splitlines()[-3:]),
            )
            self.assertEqual([r["allocator"] for r in self.document()["results"]], [others])
            shutil.rmtree(self.out)
        for some, code in (("free_errno,system,null", 1), ("system,null", 0), ("", 1)):
            words = ["--allocators", some] if some else []
            result = self.check("--checks", "errno.free", *words)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertNotIn("although you named it", result.stderr)

    def test_path_of_the_run_for_scripts(self) -> None:
        told = self.directory / "told"
        words = ["--allocators", "system", "--checks", "errno.free"]
        result = self.check(*words, "--directory-to", told)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(
            Path(told.read_text().rstrip("\n")), self.written("conformance.json").parent
        )
        nowhere = self.check(*words, "--directory-to", self.directory / "none" / "told")
        self.assertEqual(nowhere.returncode, 2)
        self.assertIn("none/told: No such file or directory", nowhere.stderr)

    def test_names_can_be_listed(self) -> None:
        result = self.check("--list-checks", "--checks", "errno.*", "--profile", "posix2024")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(self.out.exists(), "nothing is run")
        lines = result.stdout.splitlines()
        self.assertEqual([s for s in lines if not s.startswith("errno.")], [])
        (free,) = [s for s in lines if s.startswith("errno.free ")]
        self.assertRegex(free, r" required +free leaves errno alone.*\(.*POSIX.1-2024 free")
        listed = json.loads(run(CELLS / "system", "--list-checks").stdout)["checks"]
        every = self.check("--list-checks").stdout.splitlines()
        self.assertEqual([s.split()[0] for s in every], sorted(c["name"] for c in listed))
        with open("/dev/full", "w") as full:
            command = [SPANBENCH, "check", "--list-checks", "--allocators", "system"]
            result = subprocess.run(
                [str(w) for w in command], stdout=full, stderr=subprocess.PIPE, text=True
            )
        self.assertEqual(result.returncode, 2)
        self.assertIn("No space left on device", result.stderr)

    def test_summary_counts(self) -> None:
        text = self.check("--checks", FEW).stdout
        #                               pass    known   FAIL    fixed choices ext.  quality    -
        self.assertRegex(text, r"\nfree_errno +2 +0 +1 +0 +1 +- +1 of 1 +0\n")
        self.assertRegex(text, r"\nsystem +2 +0 +0 +0 +1 +- +0 of 1 +1\n")

    def test_failure_in_words_can_be_repeated_by_a_shell(self) -> None:
        blank = self.directory / "it's a $HOME"
        blank.mkdir()
        shutil.copy(FAULTY / "free_errno", blank / "free_errno")
        self.cells = blank
        result = self.check("--checks", "errno.free", "--seed", "11")
        for text in ("FAIL: free_errno errno.free", "promise:  free leaves errno alone"):
            self.assertIn(text, result.stdout)
        (command,) = re.findall(r"repeat: +(.*)", result.stdout)
        (seen,) = re.findall(r"seen: +(.*)", result.stdout)
        repeated = run("sh", "-c", command, cwd="/")
        self.assertEqual(repeated.returncode, 1, command)
        record = json.loads(repeated.stdout)
        self.assertEqual((record["seen"], record["seed"]), (seen, 11))

    def test_preloaded_library_is_repeated_with_it(self) -> None:
        source, library = self.directory / "it.c", self.directory / "it's.so"
        source.write_text(
            """
            #include <stddef.h>
            static char heap[1 << 26]; static size_t used;
            void *malloc(size_t n) { used += (n + 31) & ~15ul; return heap + used; }
            void free(void *p) { (void)p; }
            void *calloc(size_t n, size_t m) { return malloc(n * m); }
            void *realloc(void *p, size_t n) { (void)p; return malloc(n); }
        """
        )
        build = run("cc", "-w", "-O1", "-shared", "-fPIC", "-o", library, source)
        self.assertEqual(build.returncode, 0, build.stderr)
        result = self.check(
            "--allocators", "system", "--preload", f"it={library}", "--checks", "overflow.calloc"
        )
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertRegex(result.stdout, r"\noverflow.calloc +r +pass +FAIL\n")
        (command,) = re.findall(r"repeat: +(.*)", result.stdout)
        repeated = run("sh", "-c", command, cwd="/")
        self.assertEqual(repeated.returncode, 1, repeated.stderr)
        self.assertEqual(json.loads(repeated.stdout)["object"], str(library))

    def test_verbose_tells_the_steps(self) -> None:
        result = self.check("--allocators", "system", "--checks", "limits.data", "--verbose")
        self.assertRegex(result.stderr, r"\d+ blocks of 1048576 bytes until the limit")
        alone = run(CELLS / "system", "--check", "errno.free", "--verbose")
        for text in ("errno.free", "required", "POSIX.1-2024 free", "seed 1", "verdict: pass"):
            self.assertIn(text, alone.stderr)
        self.assertEqual(run(CELLS / "system", "--check", "errno.free").stderr, "")


class Released(CheckTest):
    """What is known of a released library is not known of a build of the user's of that name."""

    CHECK = "zero_size.realloc_errno"  # fails in a library that frees and gives NULL

    SOURCE = """
        #include <errno.h>
        #include <stddef.h>
        extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
        extern void *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
        extern void __libc_free(void *);
        void *malloc(size_t n) { return __libc_malloc(n); }
        void *calloc(size_t n, size_t m) { return __libc_calloc(n, m); }
        void *memalign(size_t a, size_t n) { return __libc_memalign(a, n); }
        void *aligned_alloc(size_t a, size_t n) { return __libc_memalign(a, n); }
        void free(void *p) { __libc_free(p); }
        void *realloc(void *p, size_t n) {
            if (n || !p || !KEEPS)
                return __libc_realloc(p, n);
            __libc_free(p);
            errno = EINVAL;
            return NULL;
        }
    """

    def setUp(self) -> None:
        super().setUp()
        described = {p.name: p for p in CELLS.iterdir() if p.suffix != ".skip"}
        self.objects = {}
        for name, path in described.items():
            self.objects[name] = Path(json.loads(run(path, "--describe").stdout)["object"])
        known = json.loads((ROOT / "allocators" / "known-failures.json").read_text())["failures"]
        self.of_check = [entry for entry in known if entry["check"] == self.CHECK]

    def known(self, name: str) -> bool:
        """All entries of this check are of every version from the first one on."""
        return any(fnmatch.fnmatch(str(self.objects[name]), e["object"]) for e in self.of_check)

    def preloadable(self) -> list[str]:
        """Those of which this failure is known and whose library is a malloc under LD_PRELOAD."""
        found = [n for n in ("jemalloc", "scudo", "tcmalloc") if n in self.objects]
        found = [n for n in found if self.known(n)]
        if not found:
            self.skipTest("no library that is known to fail is here, or of another version")
        return found

    def result(self, preload: Path) -> tuple[int, Any]:
        words = ["--allocators", "system", "--preload", f"own={preload}", "--checks", self.CHECK]
        shutil.rmtree(self.out, ignore_errors=True)
        code = self.check(*words).returncode
        (own,) = [r for r in self.document()["results"] if r["allocator"] == "own"]
        return code, own

    def test_build_of_the_user_has_no_known_failures(self) -> None:
        source = self.directory / "it.c"
        source.write_text(self.SOURCE)
        for name in ("libjemalloc.so.2", "libtbbmalloc.so.2.8", "libmimalloc.so.2.0"):
            for keeps, verdict in ((0, "fail"), (1, "pass")):
                library = self.directory / name
                words = ["-w", "-shared", "-fPIC", "-fno-builtin", f"-DKEEPS={keeps}"]
                built = run("cc", *words, "-o", library, source)
                self.assertEqual(built.returncode, 0, built.stderr)
                code, own = self.result(library)
                self.assertEqual(own["verdict"], verdict, own)
                self.assertIsNone(own["known"], own)
                self.assertEqual((code, own["finding"]), (1 - keeps, verdict == "fail"))

    def test_copy_of_a_released_library_is_a_build_of_the_user(self) -> None:
        for name in self.preloadable():
            copy = self.directory / self.objects[name].name
            shutil.copy(self.objects[name], copy)
            code, own = self.result(copy)
            self.assertEqual((code, own["verdict"], own["known"]), (1, "fail", None), name)

    def test_released_library_that_is_preloaded_has_its_known_failures(self) -> None:
        for name in self.preloadable():
            link = self.directory / "libother.so"
            link.unlink(missing_ok=True)
            link.symlink_to(self.objects[name])
            code, own = self.result(link)
            self.assertEqual((code, own["verdict"]), (0, "fail"), name)
            self.assertIsNotNone(own["known"], name)
            listed = {c["name"] for c in self.document()["allocators"]}
            self.assertEqual(listed, {"system", "own"}, "who was asked does not take part")

    def test_entry_of_a_version_is_for_no_cell_without_one(self) -> None:
        self.use_cells(FAULTY / "free_errno")
        known = self.directory / "known.json"
        entry = {"object": "*free_errno", "check": "errno.free", "seen": "", "why": "planted"}
        for whole, code in (({**entry, "since": "1.0"}, 1), (entry, 0)):
            known.write_text(json.dumps({"failures": [whole]}))
            result = self.check("--checks", "errno.free", "--known", known)
            self.assertEqual(result.returncode, code, result.stderr)

    def test_entry_is_of_a_range_of_versions(self) -> None:
        """2.9 comes before 2.10. The C library has no version that keeps this promise."""
        self.use_cells(CELLS / "system")
        known = self.directory / "known.json"
        entry = {"object": "*/libc.so.6", "check": self.CHECK, "seen": "", "why": "old"}
        version = json.loads(run(CELLS / "system", "--describe").stdout)["version"]
        for span, code in (
            ({"since": version}, 0),
            ({"since": "2.9"}, 0),
            ({"since": "2.9", "before": "2.100"}, 0),
            ({"before": "2.100"}, 0),
            ({"since": "2.100"}, 1),
            ({"since": "2.9", "before": version}, 1),
            ({"before": "2.9"}, 1),
        ):
            known.write_text(json.dumps({"failures": [{**entry, **span}]}))
            result = self.check("--checks", self.CHECK, "--known", known)
            self.assertEqual(result.returncode, code, (span, result.stderr))


class Timeout(CheckTest):
    """The driver's timeout is the cell's business, too: children are waited for accordingly."""

    def test_it_reaches_the_cell(self) -> None:
        told = self.directory / "told"
        self.script_cell("teller", f'echo "$@" >> {told}\nexec {{good}} "$@"')
        for words, seconds in (
            ((), "180"),
            (("--timeout", "600"), "600"),
            (("--timeout", "2.5"), "3"),
        ):
            told.write_text("")
            self.check("--checks", "errno.free", *words)
            self.assertIn(f"--check errno.free --seed 1 --timeout {seconds} ", told.read_text())

    def test_a_repeated_check_has_as_much(self) -> None:
        self.use_cells(FAULTY / "free_errno")
        for words, told in (((), ""), (("--timeout", "600"), " --timeout 600")):
            text = self.check("--checks", "errno.free", *words).stdout
            (command,) = re.findall(r"repeat: +(.*)", text)
            self.assertIn(f"--check errno.free --seed 1{told} --verbose", command)
            self.assertEqual(run("sh", "-c", command).returncode, 1)

    def test_wrong_ones_are_refused_by_a_cell(self) -> None:
        for wrong in ("0", "x", "86401"):
            result = run(CELLS / "system", "--check", "errno.free", "--timeout", wrong)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn("--timeout takes a whole number", result.stderr)


class Hang(CheckTest):
    """Of a function that never returns, one check takes all its time, and each other one little."""

    def test_others_have_a_short_time_and_say_why(self) -> None:
        self.use_cells(FAULTY / "calloc_hangs")
        checks = "calloc.product,calloc.zeroed,zero_size.free_null"
        result = self.check("--checks", checks, "--timeout", "3")
        self.assertEqual(result.returncode, 1)
        results = {r["check"]: r for r in self.document()["results"]}
        first, other = results["calloc.product"], results["calloc.zeroed"]
        self.assertEqual(first["verdict"], "fail")
        self.assertIn("no end after 3 s", first["seen"])
        self.assertEqual(other["verdict"], "not supported")
        self.assertIn("no end after 1 s, and it got no more: calls of calloc do", other["reason"])
        self.assertIn("which calloc.product found", other["reason"])
        self.assertNotEqual(results["zero_size.free_null"]["verdict"], "fail")

    def test_a_check_that_hangs_by_itself_takes_no_time_from_others(self) -> None:
        self.nobody_else_is_hurried("")

    def test_a_function_that_gets_no_processor_takes_no_time_from_others(self) -> None:
        """Nothing is known of it. A process that is stopped gets none."""
        self.nobody_else_is_hurried('*"--returns calloc "*) kill -STOP $$;;')

    def nobody_else_is_hurried(self, more: str) -> None:
        naps = f"*calloc.product*) exec sleep 60;; *errno.free*) sleep 1.5;; {more}"
        self.script_cell("napper", f'case "$*" in {naps} esac\nexec {{good}} "$@"')
        result = self.check("--checks", "calloc.product,errno.free", "--timeout", "3")
        self.assertEqual(result.returncode, 1, result.stderr)
        results = {r["check"]: r for r in self.document()["results"]}
        self.assertEqual(results["calloc.product"]["verdict"], "fail")
        self.assertNotIn("got no more", str(results["errno.free"]))

    def test_a_cell_is_asked_for_functions_that_it_has(self) -> None:
        for function in ("malloc", "free", "calloc", "realloc", "posix_memalign", "usable_size"):
            result = run(CELLS / "system", "--returns", function)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(json.loads(result.stdout)["returns"], function)
        result = run(CELLS / "system", "--returns", "mallok")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("no function 'mallok'", result.stderr)


class Whole(CheckTest):
    """A check tries a sample of what it generates, by the seed, or with --whole all
    (harness/cell/test_boundaries.c)."""

    def test_it_reaches_the_cell_and_is_told(self) -> None:
        told = self.directory / "told"
        self.script_cell("teller", f'echo "$@" >> {told}\nexec {{good}} "$@"')
        self.check("--checks", "errno.free", "--whole", "--verbose")
        self.assertIn(
            "--check errno.free --seed 1 --timeout 180 --whole --verbose ", told.read_text()
        )
        self.assertTrue(self.document()["whole"])
        code = run(CELLS / "system", "--check", "overflow.malloc", "--whole").returncode
        self.assertEqual(code, 0)

    def test_a_failure_is_repeated_with_it(self) -> None:
        self.use_cells(FAULTY / "above_ptrdiff")
        text = self.check("--checks", "errno.malloc", "--whole").stdout
        (command,) = re.findall(r"repeat: +(.*)", text)
        self.assertIn(" --whole --verbose", command)
        self.assertEqual(run("sh", "-c", command).returncode, 1)

    def test_make_asks_for_it(self) -> None:
        environment = clean_environment(
            OUT=self.out, ALLOCATORS="system", CHECKS="errno.posix_memalign"
        )
        result = run(ROOT / "scripts" / "check.sh", "check-whole", cwd=ROOT, env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, r"1 check in (\d+ min )?\d+ s, 0 findings")
        self.assertTrue(self.document()["whole"])


class Width(CheckTest):
    def setUp(self) -> None:
        super().setUp()
        self.cells.mkdir()
        self.names = [f"allocator-{n:02}" for n in range(13)] + [
            "an-allocator-of-a-very-long-name.so"
        ]
        for name in self.names:
            (self.cells / name).symlink_to(CELLS / "system")

    def matrix(self, columns: str) -> list[str]:
        environment = {**os.environ, "COLUMNS": columns}
        text = self.check("--checks", "zero_size.*", env=environment).stdout
        return text[: text.index("\nr required")].splitlines()

    def test_as_many_bands_as_the_width_asks_for(self) -> None:
        for columns, bands in (("80", 3), ("110", 2), ("300", 1)):
            lines = self.matrix(columns)
            self.assertLessEqual(max(len(s) for s in lines), int(columns))
            self.assertEqual(sum("zero_size.malloc " in s for s in lines), bands, columns)
            words = [s.split()[2:] for s in lines if "zero_size.malloc_choice" in s]
            self.assertEqual(sum(words, []), ["unique"] * len(self.names))
            for name in self.names[:-1] + ["an-allocato~-name.so"]:
                self.assertEqual(sum(name in s for s in lines), 1, name)
            self.assertFalse([s for s in lines if s != s.rstrip()], "blanks at the end")

    def test_colours_on_a_terminal_only(self) -> None:
        options = ["--allocators", "free_errno", "--checks", "errno.free"]
        command = [
            str(SPANBENCH),
            "check",
            "--out",
            str(self.out),
            "--cells",
            str(FAULTY),
            *options,
        ]
        found = []
        for name, value in (("TERM", "xterm"), ("NO_COLOR", "1"), ("TERM", "dumb")):
            ours, theirs = pty.openpty()
            kept = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
            environment = {**kept, "TERM": "xterm", name: value}
            with subprocess.Popen(
                command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment
            ) as process:
                os.close(theirs)
                text = b"".join(read_terminal(ours))
                process.wait(timeout=600)
            self.assertIn(b"FAIL", text)
            found.append(b"\033[" in text)
        self.assertEqual(found, [True, False, False])
        self.assertNotIn("\033", self.check("--cells", FAULTY, *options).stdout)


class Misuse(CheckTest):
    def test_names_that_are_not_there(self) -> None:
        cases: list[tuple[list[Any], str]] = [
            (["--checks", "overlp.tiny"], "did you mean overlap.tiny?"),
            (["--checks", "nothing.of.this"], "no check matches 'nothing.of.this'"),
            (["--checks", "overlap.tiny,foo*"], "no check matches 'foo*'"),
            (["--allocators", "sistem"], "did you mean system?"),
            (["--allocators", "null"], "no allocator is left to check"),
            (["--profile", "c71"], "c17, c23, posix2024, glibc"),
            (["--profile", "c17", "--checks", "errno.free"], "belongs to the profile c17"),
            (["--preload", "/nonexistent.so"], "cannot preload '/nonexistent.so'"),
            (["--preload", ROOT / "README.md"], "not a shared library"),
            (["--known", ROOT / "README.md"], "not a file of known failures"),
            (["--known", "/nonexistent", "--checks", "errno.free"], "No such file or directory"),
            (["--runs", "3", "--threads", "4"], "--threads is an option of run, not of check"),
            (["--runs", "3"], "--runs is an option of harden, not of check"),
            (["--benchmark_filter=x"], "belong to run, not to check"),
            (["--checks", ""], "the list of checks is empty"),
            (["--allocators", ","], "the list of allocators is empty"),
            (["--preload", ""], "cannot preload ''"),
            (["--out", "/dev/null/results"], "--out DIR"),
        ]
        for words, told in cases:
            result = spanbench("check", "--out", self.out, *words)
            self.assertEqual(result.returncode, 2, (words, result.stderr))
            self.assertIn(told, result.stderr)
            self.assertEqual(result.stdout, "")
            self.assertEqual(list(self.out.glob("*")), [], "nothing is left behind")

    def test_known_failures_that_nobody_named_may_be_absent(self) -> None:
        self.cells = CELLS
        alone = Path(shutil.copy(SPANBENCH, self.directory))
        words = ["--allocators", "system", "--checks", "errno.free"]
        result = run(alone, "check", "--out", self.out, "--cells", CELLS, *words)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_library_without_malloc_is_refused(self) -> None:
        source, library = self.directory / "it.c", self.directory / "libnothing.so"
        source.write_text("int nothing;\n")
        self.assertEqual(run("cc", "-shared", "-fPIC", "-o", library, source).returncode, 0)
        words = ["--allocators", "system", "--preload", library, "--checks", "overlap.tiny"]
        result = self.check(*words)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"libnothing.so is BROKEN: identity: .*defines no malloc")
        self.assertIn("libnothing.so was not checked: it is BROKEN", result.stderr)
        self.assertNotIn("libnothing", result.stdout, "no column")
        broken = [c for c in self.document()["allocators"] if "broken" in c]
        self.assertEqual([c["name"] for c in broken], ["libnothing.so"])


class BadCells(CheckTest):
    """Cells that break the protocol, beside a good one."""

    LISTED: dict[str, Any] = {
        "class": "required",
        "profiles": ["c17"],
        "clause": "none",
        "summary": "bad",
    }

    def listing(self, wrong: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
        checks = [{**self.LISTED, "name": "errno.free"}, {**self.LISTED, "name": "own.check"}]
        text = json.dumps({"protocol": 1, "checks": [*checks, wrong]})
        (self.directory / "list").write_text(text)
        script = f"case $1 in --list-checks) exec cat {self.directory}/list >&3;; esac\n"
        self.script_cell("bad", script + 'exec {good} "$@"')
        self.use_cells(CELLS / "system")
        return self.check("--checks", "errno.free")

    def test_list_that_is_none(self) -> None:
        for key, value in (
            ("profiles", [1]),
            ("profiles", "c17"),
            ("class", "odd"),
            ("name", 1),
            ("summary", ""),
        ):
            result = self.listing({**self.LISTED, "name": "own.other", key: value})
            self.assertEqual(result.returncode, 1, (key, result.stderr))
            self.assertIn("bad is BROKEN: --list-checks printed no valid list", result.stderr)
            shutil.rmtree(self.cells)
            shutil.rmtree(self.out)

    def test_of_a_list_that_is_none_nothing_is_asked_of_others(self) -> None:
        self.listing({**self.LISTED, "name": "own.other", "profiles": [1]})
        shutil.rmtree(self.out)
        result = self.check("--checks", "own.*")
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("no check matches 'own.*'", result.stderr)

    def test_stacks_and_list_that_drive_a_terminal(self) -> None:
        stacks = r"\u001b[31mred\nnext\u0001\uffff."
        edit = rf's/"verdict":"pass"/"verdict":"fail"/; s/"stacks":null/"stacks":"{stacks}"/'
        edit = edit.replace("\\", "\\\\")
        self.script_cell(
            "bad",
            f"""case $1 in
            --list-checks) {{good}} "$@" 3>&1 | sed 's/"summary":"/&\\\\u001b[32m/g' >&3;;
            --check) {{good}} "$@" 3>&1 | sed '{edit}' >&3; exit 1;;
            *) exec {{good}} "$@";;
            esac\n""",
        )
        for word in ("--verbose", "--tap"):
            result = self.check("--checks", "errno.free", word)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn("[31mred", result.stdout)
            for text in (result.stdout, result.stderr):
                self.assertEqual([c for c in text if c < " " and c != "\n"], [], text)
            root = self.junit()
            failure = root.findtext(".//failure") or ""
            self.assertIn("[31mred\nnext ?.\n", failure)
            self.assertIn("promise:   [32m", failure)
            shutil.rmtree(self.out)


class Limits(CheckTest):
    def limited(self, which: int, limit: int) -> str:
        result = self.check(
            *("--allocators", "system", "--checks", "errno.free"),
            preexec_fn=lambda: resource.setrlimit(which, (limit, resource.getrlimit(which)[1])),
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stderr

    def test_of_the_shell_are_said(self) -> None:
        for which, limit, says in (
            (resource.RLIMIT_AS, 1 << 30, "address space 1048576 KiB (ulimit -v)"),
            (resource.RLIMIT_NOFILE, 500, "open files 500 (ulimit -n)"),
            (resource.RLIMIT_CPU, 90, "processor time 90 s (ulimit -t)"),
        ):
            self.assertIn(says, self.limited(which, limit))
        enough = min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        self.assertNotIn("ulimit -n", self.limited(resource.RLIMIT_NOFILE, enough))


class Trouble(CheckTest):
    def setUp(self) -> None:
        super().setUp()
        self.seconds = f"600.{os.getpid()}"  # a command line of its own
        hang = f'case "$*" in *overlap.small*) exec sleep {self.seconds};; esac\n'
        self.script_cell("sleeper", hang + 'exec {good} "$@"')

    def interrupt(
        self, *words: str, number: signal.Signals = signal.SIGINT, by_script: bool = False
    ) -> tuple[str, str]:
        """Starts the driver, or check.sh, waits for the hang, interrupts; what was printed."""
        sleeper = f"sleep\0{self.seconds}\0".encode()

        def sleeps() -> bool:
            return any(sleeper in words for words in of_processes("cmdline").values())

        command = [SPANBENCH, "check", "--out", self.out, "--cells", self.cells, *words]
        environment = None
        if by_script:
            command = [ROOT / "scripts" / "check.sh"]
            more = f"--cells {self.cells} " + " ".join(words)
            environment = clean_environment(B=SPANBENCH.parent, OUT=self.out, ARGS=more)
        with subprocess.Popen(
            [str(w) for w in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            while process.poll() is None and not sleeps():
                time.sleep(0.02)
            process.send_signal(number)
            output, errors = process.communicate(timeout=600)
        killed = number == signal.SIGKILL
        self.assertEqual(process.returncode, -9 if killed else 128 + number, errors)
        while killed and sleeps():  # nobody but the kernel ends it, in its own time
            time.sleep(0.02)
        self.assertFalse(sleeps(), "a child is left")
        self.assertEqual(list(self.out.glob("*/*.tmp")), [], "no torn file")
        return output, errors

    def test_interrupt_saves_what_was_judged(self) -> None:
        output, errors = self.interrupt("--checks", "overlap.large,overlap.small,overlap.tiny")
        self.assertIn("interrupted: 1 of 3 checks", errors)
        document = self.document()
        self.assertFalse(document["complete"])
        verdicts = [r["verdict"] for r in document["results"]]
        self.assertEqual(len(verdicts), 3)
        self.assertEqual(verdicts[1:], ["not run"] * 2)
        self.assertNotEqual(verdicts[0], "not run")
        self.assertIn("(2 not run)", output)
        root = self.junit()
        self.assertEqual(len(root.findall(".//skipped[@message='not run: interrupted']")), 2)

    def test_interrupted_script_has_its_junit_file(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            shutil.rmtree(self.out, ignore_errors=True)
            words = ("--checks", "overlap.large,overlap.small,overlap.tiny")
            output, errors = self.interrupt(*words, number=number, by_script=True)
            self.assertIn("interrupted: 1 of 3 checks", errors)
            self.assertIn("(2 not run)", output)
            self.assertFalse(self.document()["complete"])
            path = self.written("conformance.xml")
            self.assertEqual(errors.splitlines()[-1], f"check.sh: {path}")
            root = xml.etree.ElementTree.parse(path).getroot()
            self.assertEqual(len(root.findall(".//skipped[@message='not run: interrupted']")), 2)

    def test_script_interrupted_before_the_first_verdict_leaves_nothing(self) -> None:
        _, errors = self.interrupt("--checks", "overlap.small", by_script=True)
        self.assertIn("nothing is saved", errors)
        self.assertEqual(list(self.out.iterdir()), [])

    def test_interrupt_ends_tap_loudly(self) -> None:
        output, _ = self.interrupt("--tap", "--checks", "overlap.large,overlap.small,overlap.tiny")
        self.assertIn("Bail out! interrupted", output)

    def test_interrupt_before_the_first_verdict_leaves_nothing(self) -> None:
        _, errors = self.interrupt("--checks", "overlap.small")
        self.assertIn("nothing is saved", errors)
        self.assertEqual(list(self.out.iterdir()), [])

    def test_killed_driver_leaves_no_half_a_file(self) -> None:
        self.interrupt("--checks", "overlap.small", number=signal.SIGKILL)
        self.assertEqual(list(self.out.glob("*/*")), [])

    def test_closed_output_ends_tap_and_saves_it(self) -> None:
        command = [SPANBENCH, "check", "--out", self.out, "--allocators", "system"]
        command += ["--tap", "--checks", FEW]
        full = ("sh", "-c", 'exec "$@" >/dev/full', "sh", *command)
        for closed, says in ((False, "No space left on device"), (True, "output is closed")):
            shutil.rmtree(self.out, ignore_errors=True)
            result = run_unread(*command) if closed else run(*full)
            self.assertEqual(result.returncode, 2)
            self.assertIn(says + ": 1 of 5 checks were run", result.stderr)
            self.assertFalse(self.document()["complete"])

    def test_full_disk_is_said_before_any_check_runs(self) -> None:
        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        result = self.check("--checks", "overlap.small", preexec_fn=limit)
        self.assertEqual(result.returncode, 2)
        self.assertIn("cannot reserve", result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(list(self.out.iterdir()), [], "nothing is left behind")

    def test_full_output_is_an_error_and_the_files_are_there(self) -> None:
        shutil.rmtree(self.cells)
        with open("/dev/full", "w") as full:
            command = [SPANBENCH, "check", "--out", self.out, "--allocators", "system"]
            result = subprocess.run(
                [str(w) for w in [*command, "--checks", "errno.free"]],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        self.assertEqual(result.returncode, 2)
        self.assertIn("No space left on device", result.stderr)
        self.assertEqual(len(self.document()["results"]), 1)

    def test_cause_is_said_of_an_output_that_fails_before_its_end(self) -> None:
        for n in range(12):
            (self.cells / f"allocator-{n}").symlink_to(CELLS / "system")
        (self.cells / "sleeper").unlink()
        command = [SPANBENCH, "check", "--out", self.out, "--cells", self.cells]
        words = [str(w) for w in [*command, "--checks", "zero_size.*,errno.free"]]
        whole = subprocess.run(words, capture_output=True, text=True)
        self.assertGreater(len(whole.stdout), 4096, "more than stdio keeps")
        with open("/dev/full", "w") as full:
            result = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 2)
        self.assertIn("cannot write the output: No space left on device", result.stderr)


class MakeCheck(CheckTest):
    """`make check`, without installing and building anew."""

    def make(self, **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = clean_environment(DEPS="skip", OUT=self.out, **variables)
        environment.pop("PROFILE", None) if "PROFILE" not in variables else None
        return run(ROOT / "scripts" / "check.sh", cwd=ROOT, env=environment)

    def test_variables_reach_the_driver(self) -> None:
        result = self.make(
            ALLOCATORS="system", CHECKS="errno.free zero_size.malloc", PROFILE="glibc", SEED="5"
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        document = self.document()
        self.assertEqual((document["profile"], document["seed"]), ("glibc", 5))
        self.assertEqual(
            {c["name"] for c in document["checks"]}, {"errno.free", "zero_size.malloc"}
        )
        lines = result.stderr.splitlines()
        for name, line in zip(("conformance.json", "conformance.xml"), lines[-2:]):
            self.assertIn(str(self.written(name)), line, "ends with where they are")
        self.assertIn("system keeps 2 of 2 promises", self.written("report.html").read_text())

    def test_a_library_whose_path_has_blanks_is_one(self) -> None:
        library = self.directory / "a library.so"
        shutil.copy(BUILD / "libgomalloc.so", library)
        for preload, name in ((str(library), "a_library.so"), (f"own={library}", "own")):
            result = self.make(ALLOCATORS="system", CHECKS="errno.free", PRELOAD=preload)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertRegex(result.stdout, rf"(?m)^{name} +1 ")

    def test_usage(self) -> None:
        script = ROOT / "scripts" / "check.sh"
        for words in (["--help"], ["harden", "--help"], ["check-whole", "--help"]):
            result = run(script, *words)
            self.assertEqual((result.returncode, result.stderr), (0, ""), words)
            self.assertIn("usage: [VARIABLE=value …] scripts/check.sh", result.stdout)
            self.assertEqual(
                result.stdout.splitlines()[-1],
                "Exit code: that of the driver; 2 if that is 0 and conformance.xml cannot be written.",
            )
        for words in (["chek"], ["check", "--tap"]):
            result = run(script, *words)
            self.assertEqual((result.returncode, result.stdout), (2, ""), words)
            self.assertIn("usage:", result.stderr)
        absent = run(script, env=clean_environment(B=self.directory))
        self.assertEqual(absent.returncode, 2)
        self.assertIn("check.sh: there is no", absent.stderr)

    def test_empty_variables_are_as_if_not_given(self) -> None:
        empty = {"ALLOCATORS": "", "CHECKS": "", "PRELOAD": "", "PROFILE": ""}
        self.use_cells(CELLS / "system")
        words = f"--cells {self.cells} --checks errno.free"
        result = self.make(**empty, ARGS=words)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_exit_code_is_the_driver_s(self) -> None:
        build = self.directory / "build"
        build.mkdir()
        (build / "spanbench").symlink_to(SPANBENCH)
        self.assertEqual(self.make(B=str(build), CHECKS="none.such").returncode, 2)
        of_bug = {"ALLOCATORS": "free_errno", "CHECKS": "errno.free", "ARGS": f"--cells {FAULTY}"}
        found = self.make(B=str(build), **of_bug)
        self.assertEqual(found.returncode, 1, found.stderr)
        root = xml.etree.ElementTree.parse(self.written("conformance.xml")).getroot()
        self.assertEqual(len(root.findall(".//failure")), 1, "also of a run with findings")
        self.assertEqual(list(build.iterdir()), [build / "spanbench"], "nothing is left behind")

    def test_junit_file_that_cannot_be_written_is_said(self) -> None:
        """The driver has saved a document that nobody can read."""
        build, folder = self.directory / "build", self.directory / "one"
        build.mkdir()
        folder.mkdir()
        (folder / "conformance.json").write_text("{")
        for driver, code in ((0, 2), (1, 1), (2, 2), (137, 137)):
            path = build / "spanbench"
            path.write_text(f'#!/bin/sh\necho {folder} >"$3"\nexit {driver}\n')
            path.chmod(0o755)
            result = run(ROOT / "scripts" / "check.sh", cwd=ROOT, env=clean_environment(B=build))
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn("conformance.json: not JSON", result.stderr)
            self.assertIn(f"check.sh: {folder}/conformance.xml is not written", result.stderr)
            self.assertEqual(list(build.iterdir()), [path])

    def test_nothing_saved_has_no_junit_file(self) -> None:
        build = self.directory / "build"
        build.mkdir()
        for code in (0, 2, 137):
            path = build / "spanbench"
            path.write_text(f"#!/bin/sh\nexit {code}\n")
            path.chmod(0o755)
            result = run(ROOT / "scripts" / "check.sh", cwd=ROOT, env=clean_environment(B=build))
            self.assertEqual((result.returncode, result.stderr), (code, ""))


if __name__ == "__main__":
    unittest.main()
