"""`make install` puts there what runs anywhere and for anybody, and `make uninstall` takes it away."""

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from driving import BUILD, ROOT, SPANBENCH, TRANSIENT, clean_environment, run, slow

SCRIPT = ROOT / "scripts" / "install.sh"
MANUALS = (ROOT / "harness" / "spanbench.1", ROOT / "allocators" / "gomalloc" / "gomalloc.3")
HEADER = ROOT / "allocators" / "gomalloc" / "gomalloc.h"
NOBODY = 65534
PROGRAM = """
#include <gomalloc.h>
#include <stdio.h>
#include <string.h>
int main(void) {
    char *p = gom_malloc(100);
    puts(p && strcmp(gom_version(), GOM_VERSION) == 0 ? "good" : "bad");
    gom_free(p);
    return 0;
}
"""


def make(*words: Any, **variables: Any) -> "subprocess.CompletedProcess[str]":
    """With a umask that lets nobody else read what is made."""
    given = [f"{k}={v}" for k, v in variables.items()]
    return run(
        *("sh", "-c", 'umask 077; exec make "$@"', "make", "-C", ROOT, *words, *given),
        env=clean_environment(B=os.environ.get("B", "build"), DEPS="skip"),
    )


def files_below(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


class Staged(unittest.TestCase):
    """One installed tree for all cases, which change nothing in it."""

    stage: Path
    top: Path

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="spanbench-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.stage = Path(folder.name) / "a stage"
        os.chmod(folder.name, 0o755)
        cls.stage.mkdir()
        cls.stage.chmod(0o755)
        done = make("install", DESTDIR=cls.stage)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.top = cls.stage / "usr" / "local"

    def installed(self, *words: Any) -> "subprocess.CompletedProcess[str]":
        """spanbench, in a folder of its own, as another user where that can be."""
        folder = tempfile.TemporaryDirectory(prefix="spanbench-test-")
        self.addCleanup(folder.cleanup)
        user: dict[str, Any] = (
            {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        if user:
            os.chown(folder.name, NOBODY, NOBODY)
        self.cwd = Path(folder.name)
        return run(self.top / "bin" / "spanbench", *words, cwd=folder.name, **user)

    def good(self, *words: Any) -> str:
        done = self.installed(*words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_schemas(self) -> None:
        """Of each file of results that the commands write."""
        names = {p.name for p in (ROOT / "results").glob("*.schema.json")}
        there = {p.name for p in (self.top / "lib/spanbench/results").glob("*.schema.json")}
        self.assertGreater(len(names), 3)
        self.assertEqual(there, names)

    def test_everybody_may_read_and_run_it(self) -> None:
        for path in self.top.rglob("*"):
            if path.is_symlink():
                self.assertTrue(path.exists(), f"{path} points nowhere")
                self.assertFalse(os.readlink(path).startswith("/"), path)
                continue
            mode = stat.S_IMODE(path.stat().st_mode)
            self.assertIn(mode, (0o755,) if path.is_dir() else (0o755, 0o644), path)
        for name in ("bin/spanbench", "lib/spanbench/cell/system", "lib/libgomalloc.so"):
            self.assertTrue(os.access(self.top / name, os.X_OK), name)

    def test_nothing_leads_back_to_the_build(self) -> None:
        described = json.loads(self.good("describe"))
        for name in ("gomalloc", "gomalloc-hardened"):
            library = self.top / "lib" / f"lib{name}.so.0"
            self.assertEqual(described[name]["object"], str(library.resolve()))
            self.assertIn("null", described)
        for file in [*(self.top / "lib").glob("*.so.0"), *self.top.glob("lib/spanbench/cell/*")]:
            if file.suffix != ".skip":
                headers = run("readelf", "-d", file).stdout
                self.assertNotIn(str(BUILD), headers)
                self.assertNotIn(str(ROOT), headers)

    def test_the_commands_run(self) -> None:
        self.assertRegex(self.good("list"), r"(?m)^  gomalloc +\d")
        words = ["--allocators", "system,gomalloc", "--checks", "realloc.null_is_malloc,plugin.*"]
        self.assertIn("known one that is explained", self.good("check", *words))
        words = ["--allocators", "null", "--workloads", "tiny", "--threads", "1"]
        words += ["--quick", "--verbose", "--repetitions", "1"]
        self.assertIn("tiny/null", self.good("run", *words))
        run_folder = (self.cwd / "results" / "latest").resolve()
        self.assertIn("tiny, 1 thread", self.good("table", run_folder))
        self.assertEqual(self.good("report", run_folder), f"page: {run_folder}/report.html\n")
        refused = self.installed("gate", "--base", "gomalloc")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("give --base and --head", refused.stderr)
        self.assertEqual(list(self.top.rglob("__pycache__")), [])

    @slow
    def test_the_gate_runs(self) -> None:
        words = "--base gomalloc --head gomalloc --quick --workloads tiny --threads 1 --budget 5"
        said = self.good("gate", *words.split(), "--margin", "40", "--target", "99")
        self.assertIn("head: gomalloc", said)
        self.assertEqual(list(self.cwd.rglob("*.so.0")), [], "links to libraries stay")

    def test_a_program_is_linked_by_pkg_config(self) -> None:
        if not shutil.which("pkg-config"):
            self.skipTest("pkg-config is not installed")
        with tempfile.TemporaryDirectory() as name:
            stage = Path(name) / "stage"  # pkg-config has its own rules for blanks
            shutil.copytree(self.stage, stage, symlinks=True)
            libraries = stage / "usr" / "local" / "lib"
            source = Path(name) / "program.c"
            source.write_text(PROGRAM)
            (Path(name) / "empty").mkdir()
            env = {
                **os.environ,
                "PKG_CONFIG_LIBDIR": str(libraries / "pkgconfig"),
                "PKG_CONFIG_SYSROOT_DIR": str(stage),
            }
            for library in ("gomalloc", "gomalloc-hardened"):
                found = run("pkg-config", "--cflags", "--libs", library, env=env)
                self.assertEqual(found.returncode, 0, found.stderr)
                program = Path(name) / library
                command = [os.environ.get("CC", "cc"), "-o", program, source, *found.stdout.split()]
                built = run(*command)
                self.assertEqual(built.returncode, 0, built.stderr)
                self.assertIn(f"[lib{library}.so.0]", run("readelf", "-d", program).stdout)
                done = run(program, env={"LD_LIBRARY_PATH": str(libraries)})
                self.assertEqual((done.stdout, done.returncode), ("good\n", 0), done.stderr)
            command = [os.environ.get("CC", "cc"), "-o", program, source, f"-I{HEADER.parent}"]
            built = run(*command, libraries / "libgomalloc.a", "-pthread")
            self.assertEqual(built.returncode, 0, built.stderr)
            self.assertEqual(run(program).stdout, "good\n")

    def complete(self, *words: str) -> list[str]:
        """What bash offers at the end of these words."""
        completion = self.top / "share" / "bash-completion" / "completions" / "spanbench"
        script = f"""source {str(completion)!r}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _spanbench "$1" "${{@: -1}}" "${{@: -2:1}}"; printf '%s\\n' "${{COMPREPLY[@]}}" """
        program = self.top / "bin" / "spanbench"
        done = run("bash", "-c", script, "bash", program, *words, cwd=self.stage)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_completion_offers_what_there_is(self) -> None:
        self.assertEqual(self.complete("ch"), ["check"])
        self.assertLessEqual({"run", "gate", "table", "describe"}, set(self.complete("")))
        self.assertEqual(self.complete("help", "har"), ["harden"])
        self.assertEqual(self.complete("check", "--pro"), ["--profile"])
        self.assertEqual(self.complete("gate", "--ba"), ["--base"])
        self.assertEqual(self.complete("--workl"), ["--workloads"])
        self.assertEqual(self.complete("--workloads", "ti"), ["tiny"])
        self.assertEqual(
            self.complete("check", "--allocators", "null,gomalloc-"), ["null,gomalloc-hardened"]
        )
        self.assertIn("realloc.huge", self.complete("check", "--checks", "realloc."))
        self.assertIn("double_free.child", self.complete("harden", "--misuses", ""))
        self.assertEqual(self.complete("describe", "gomalloc-h"), ["gomalloc-hardened"])
        self.assertEqual(self.complete("table", "us"), ["usr"])


class Manuals(unittest.TestCase):
    def test_they_are_well_formed(self) -> None:
        for page in MANUALS:
            if shutil.which("mandoc"):
                done = run("mandoc", "-Tlint", "-Wwarning", page)
                self.assertEqual((done.stdout, done.returncode), ("", 0), done.stderr)
            elif shutil.which("groff"):
                done = run("groff", "-mandoc", "-ww", "-z", "-Tutf8", page)
                self.assertEqual((done.stderr, done.returncode), ("", 0))
            else:
                self.skipTest("there is neither mandoc nor groff")

    def test_spanbench_names_each_option_and_no_other(self) -> None:
        page = MANUALS[0].read_text()
        named = set(re.findall(r"\bFl -([a-z_-]+)", page))
        there = set(re.findall(r"--([a-z][a-z_-]+)", run(SPANBENCH, "help").stdout))
        self.assertEqual(there - named, set())
        self.assertEqual(named - there - {"base", "head"}, set())  # of the gate
        commands = re.findall(r"spanbench \[?([a-z]+)", run(SPANBENCH, "help").stdout)
        for command in commands:
            self.assertRegex(page, rf"\.(Cm|It Cm|Op Cm) .*\b{command}\b")

    def test_gomalloc_names_each_function_flag_and_option(self) -> None:
        page, header = MANUALS[1].read_text(), HEADER.read_text()
        functions = re.findall(r"(?m)^GOM_API [^(]*?(gom_\w+)\(", header)
        self.assertGreater(len(functions), 20)
        self.assertEqual(set(re.findall(r"\bFn (gom_\w+)", page)), set(functions))
        flags = set(re.findall(r"(?m)^    (GOM_\w+) += 1 <<", header))
        self.assertEqual(set(re.findall(r"\bDv (GOM_\w+)", page)), flags)
        library = BUILD / "libgomalloc-hardened.so"  # has those of the other, too
        env = {"LD_PRELOAD": str(library), "GOMALLOC_OPTIONS": "help"}
        options = set(re.findall(r"(GOMALLOC_\w+)=", run("/bin/true", env=env).stderr))
        self.assertEqual(set(re.findall(r"\bIt Ev (GOMALLOC_\w+)", page)), options)


class Uninstall(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="spanbench-test-")
        self.addCleanup(folder.cleanup)
        self.stage = Path(folder.name)

    def script(self, *words: str, **variables: Any) -> "subprocess.CompletedProcess[str]":
        given = {k: str(v) for k, v in {"DESTDIR": self.stage, "B": BUILD, **variables}.items()}
        return run(SCRIPT, *words, env={**clean_environment(), **given})

    def install(self, **variables: Any) -> None:
        done = self.script("install", "gomalloc gomalloc 0.1.0", **variables)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_takes_away_what_install_brought_and_nothing_else(self) -> None:
        places: list[dict[str, Any]] = [{}, {"PREFIX": "/opt/span bench/1", "LIBDIR": "lib/multi"}]
        for variables in places:
            before = sorted(self.stage.rglob("*"))
            self.install(**variables)
            self.assertGreater(len(files_below(self.stage)), 40)
            stale = self.stage / "usr/local/lib/spanbench/cell/stale"
            if not variables:  # of an older version, as its manifest says
                stale.write_text("")
                with (stale.parent.parent / "manifest").open("a") as manifest:
                    manifest.write("file lib/spanbench/cell/stale\n")
                (stale.parent.parent / "scripts" / "__pycache__").mkdir()
            self.install(**variables)
            self.assertFalse(stale.exists())
            theirs = (
                self.stage / variables.get("PREFIX", "/usr/local")[1:] / "share/man/man1/theirs.1"
            )
            theirs.write_text("")
            self.assertEqual(self.script("uninstall", **variables).returncode, 0)
            above = [p for p in theirs.parents if self.stage in p.parents]
            self.assertEqual(sorted(self.stage.rglob("*")), sorted([*before, theirs, *above]))
            shutil.rmtree(above[-1])
            again = self.script("uninstall", **variables)
            self.assertEqual(again.returncode, 2)
            self.assertIn("nothing is installed there", again.stderr)

    def test_a_manifest_that_leads_elsewhere_is_refused(self) -> None:
        self.install()
        victim = self.stage / "victim"
        victim.write_text("")
        for path in ("../../victim", str(victim), "lib/../../../victim"):
            manifest = self.stage / "usr/local/lib/spanbench/manifest"
            before = manifest.read_text()
            manifest.write_text(f"{before}file {path}\n")
            done = self.script("uninstall")
            self.assertEqual(done.returncode, 2, path)
            self.assertIn("nothing was removed", done.stderr)
            manifest.write_text(before)
        self.assertTrue(victim.exists())

    def test_wrong_use_names_the_way_out(self) -> None:
        blocked = self.stage / "file"
        blocked.write_text("")
        wrong: list[tuple[list[str], dict[str, Any], str]] = [
            (["install"], {"PREFIX": "usr"}, "PREFIX is an absolute path"),
            (["install"], {"LIBDIR": "../lib"}, "LIBDIR is a folder below PREFIX"),
            (["install"], {"LIBDIR": "/lib"}, "LIBDIR is a folder below PREFIX"),
            (["install"], {"B": "/nonexistent"}, "build it with make"),
            (["install"], {"DESTDIR": blocked}, "cannot make DESTDIR"),
            (["uninstall"], {"PREFIX": "/opt"}, "give PREFIX, LIBDIR and DESTDIR"),
            (["foo"], {}, "usage:"),
        ]
        for words, variables, says in wrong:
            done = self.script(*words, **variables)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(says, done.stderr)
            self.assertEqual(list(self.stage.iterdir()), [blocked])

    def test_a_build_that_is_older_than_its_sources_is_not_installed(self) -> None:
        build = self.stage / "build"
        (build / "stamp").mkdir(parents=True)
        for name in ("spanbench", "stamp/all"):
            (build / name).write_text("")
            os.utime(build / name, (0, 0))
        (build / "spanbench").chmod(0o755)
        done = self.script("install", B=build, DESTDIR=self.stage / "to")
        self.assertEqual(done.returncode, 2)
        self.assertIn("has changed since the build: run make", done.stderr)


@slow
class Machine(unittest.TestCase):
    """Installed in a machine of its own, where the sources are out of sight afterwards."""

    def test_root_installs_what_a_user_built(self) -> None:
        if os.geteuid() != 0 or run("unshare", "-m", "true").returncode != 0:
            self.skipTest("only root, where it may, has a name space of mounts for itself")
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            tree = folder / "tree"
            # Of git, too, a lock comes and goes while other tests run.
            without = shutil.ignore_patterns("test*", "__pycache__", "*.lock", *TRANSIENT)
            shutil.copytree(ROOT, tree, symlinks=True, ignore=without)
            run("chown", "-R", f"{NOBODY}:{NOBODY}", tree)
            shutil.copytree("/etc", folder / "etc", symlinks=True, ignore_dangling_symlinks=True)
            (folder / "program.c").write_text(PROGRAM)
            script = f"""
set -eux
cd {tree}
mount --make-rprivate /
mount -t tmpfs none /usr/local
mount --bind {folder}/etc /etc
umask 077
as_nobody() {{ setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups env HOME=/ "$@"; }}
as_nobody make DEPS=skip all
make DEPS=skip install
[ -z "$(find {tree} -user 0)" ] # root built nothing
mv {tree} {folder}/away
mkdir -m 777 {folder}/work
cd {folder}/work
as_nobody spanbench list
as_nobody spanbench check --checks 'realloc.*' --allocators system,gomalloc
as_nobody spanbench run --quick --allocators gomalloc,null --workloads tiny
as_nobody spanbench table
umask 022
PKG_CONFIG_PATH=/usr/local/lib/pkgconfig pkg-config --cflags --libs gomalloc >flags
cc -o program ../program.c $(cat flags)
[ "$(as_nobody ./program)" = good ] # ldconfig knows the library
cd {folder}/away
make DEPS=skip uninstall
find /usr/local -mindepth 1
"""
            words = ("unshare", "-m", "sh", "-c", script)
            done = run(*words, env=clean_environment(), timeout=3600)  # the machine may be busy
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertTrue(done.stdout.endswith("uninstalled from /usr/local\n"), done.stdout)


if __name__ == "__main__":
    unittest.main()
