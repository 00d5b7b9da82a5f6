"""rivals.sh with a pretended mirror: which builds it takes, and what it leaves when something fails."""

import os
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from driving import ROOT, DriverTest, run, slow

# The pretended apt knows the packages by their files, in `pool/`, and the suites that `suites` has.
# Where `offline` exists, none can be read; where `lost` exists, no package can be fetched.
PROGRAMS = {
    "apt-config": "case $1 in dump) echo 'Acquire \"\";' ;; shell) echo \"path='/dev/null'\" ;; esac",
    "apt-get": """while [ "$1" = -q ]; do shift; done
case $1 in
indextargets) echo "Packages http://mirror/debian/ $(cat $here/codename) Debian main" ;;
update)
  suite=$(sed -n 's,.*http://mirror/debian ,,p' $(sed -n 's/^Dir::Etc::sourcelist "\\(.*\\)";/\\1/p' $APT_CONFIG))
  [ ! -e $here/offline ] || { echo "E: Failed to fetch http://mirror"; exit 100; }
  suite=${suite%% *}
  [ "$suite" != "$(cat $here/expired)" ] || { echo "E: Release file for $suite is expired"; exit 100; }
  grep -qx "$suite" $here/suites || { echo "E: The repository does not have a Release file."; exit 100; }
  ;;
download) [ ! -e $here/lost ] && cp "$here/pool/$2.deb" . ;;
esac""",
    "apt-helper": "echo Codename: $(cat $here/alias) >$3",
    "apt-cache": """case $1 in
madison) cat "$here/pool/$2.madison" 2>/dev/null ;;
show) dpkg-deb -f "$here/pool/$2.deb" 2>/dev/null ;;
esac""",
    "dpkg-query": "cat $here/installed",
}
ADAPTER = """/* Toy.
 *
 * library: libtoy.so
 * package: libtoy-dev
 */
#include <toy.h>
void *malloc_of_the_toy(void);
void *malloc_of_the_toy(void) { return toy_malloc(1); }
"""


@unittest.skipUnless(shutil.which("dpkg-deb"), "dpkg-deb is not installed")
class Mirror(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.directory / "tree"
        (self.tree / "scripts").mkdir(parents=True)
        for script in ("rivals.sh", "mirror.sh", "adapter-keys"):
            shutil.copy(ROOT / "scripts" / script, self.tree / "scripts")
        self.write("tree/allocators/toy.c", ADAPTER)
        self.write(
            "tree/allocators/system.c", "/* library: libc.so.6\n * package: libc6-dev\n */\n"
        )
        self.write("tree/allocators/built.c", "/* built-from: built */\n")
        for name, text in PROGRAMS.items():
            self.write(f"bin/{name}", f"#!/bin/sh\nhere={self.directory}\n{text}\n").chmod(0o755)
        codename = "none"
        for line in Path("/etc/os-release").read_text().splitlines():
            codename = (
                line.removeprefix("VERSION_CODENAME=") if "VERSION_CODE" in line else codename
            )
        self.write("codename", f"{codename}\n")
        self.write("suites", "stable\ntesting\n")
        self.write("expired", "")
        self.write("alias", "")  # the code name of every suite; none
        self.write("installed", "1.0-1")
        self.write("pool/libtoy-dev.madison", "")
        self.rivals = self.tree / "build" / "rivals"

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def package(self, name: str, version: str, root: Path, fields: str) -> None:
        text = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: a\n"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN" / "control").write_text(f"{text}{fields}Description: a toy\n")
        deb = self.directory / "pool" / f"{name}={version}.deb"
        built = run("dpkg-deb", "--root-owner-group", "-Znone", "--build", root, deb)
        self.assertEqual(built.returncode, 0, built.stderr)

    def release(self, version: str, function: str = "toy_malloc", needs: str = "") -> None:
        """The newest build so far of libtoy1 and libtoy-dev."""
        root = self.directory / f"of-{version}"
        library = self.write(f"of-{version}/lib/usr/lib/libtoy.so.1", "")
        source = self.write(
            "toy.c", f"void *{function}(int n); void *{function}(int n) {{ return 0; }}"
        )
        words = ["cc", "-shared", "-fPIC", "-w", "-Wl,-soname,libtoy.so.1", "-o", library, source]
        if needs:
            other = self.directory / needs
            run("cc", "-shared", f"-Wl,-soname,{needs}", "-o", other, "-x", "c", "/dev/null")
            words += ["-Wl,--no-as-needed", other]
        self.assertEqual(run(*words).returncode, 0)
        self.write(f"of-{version}/dev/usr/include/toy.h", "void *toy_malloc(int);\n")
        (root / "dev" / "usr" / "lib").mkdir()
        (root / "dev" / "usr" / "lib" / "libtoy.so").symlink_to("libtoy.so.1")
        self.package("libtoy1", version, root / "lib", "Source: toy\n")
        depends = f"Source: toy\nDepends: libtoy1 (= {version}), libc6 (>= 2.2)\n"
        self.package("libtoy-dev", version, root / "dev", depends)
        list_ = self.directory / "pool" / "libtoy-dev.madison"
        list_.write_text(f"libtoy-dev | {version} | http://mirror x\n" + list_.read_text())

    def environment(self) -> "dict[str, str]":
        return {
            **os.environ,
            "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
            "B": "build",
        }

    def fetch(self, code: int = 0) -> str:
        result = run("scripts/rivals.sh", cwd=self.tree, env=self.environment())
        self.assertEqual((result.returncode, result.stdout), (code, ""), result.stderr)
        left = {p.name for p in (self.tree / "build").iterdir()} - {"rivals", "rivals.log"}
        self.assertEqual(left, set(), "nothing half-made is left")
        return result.stderr

    def names(self) -> list[str]:
        return sorted(p.name for p in self.rivals.iterdir())


class Choice(Mirror):
    def test_newest_build_that_runs_here_is_taken(self) -> None:
        self.release("1.0-1")
        self.release("2.0+ds-1")
        self.release("3.0-1")
        self.release("4.0-1", function="toy_alloc")
        self.release("5.0-1", needs="libmissing.so.9")
        said = self.fetch()
        self.assertEqual(self.names(), ["toy-3.0"])
        self.assertIn("libtoy-dev 5.0-1 cannot run here: it needs libmissing.so.9\n", said)
        self.assertIn("libtoy-dev 4.0-1 does not fit allocators/toy.c", said)
        self.assertIn("the mirror has no unstable\n", said)
        made = (self.rivals / "toy-3.0" / "rival.mk").read_text()
        self.assertEqual(
            made, "RIVAL_toy-3.0 := toy\nLIBRARY_toy-3.0 := $B/rivals/toy-3.0/usr/lib/libtoy.so\n"
        )
        self.assertTrue((self.rivals / "toy-3.0" / "usr" / "lib" / "libtoy.so").exists())

    def test_newer_build_of_the_same_version_has_its_revision_in_its_name(self) -> None:
        self.release("1.0-3+b1")
        self.fetch()
        self.assertEqual(self.names(), ["toy-1.0-3"])

    def test_suite_is_looked_into_by_its_code_name(self) -> None:
        self.release("2.0-1")
        self.write("alias", "testing")
        said = self.fetch()
        self.assertEqual(said.count("looking into"), 1, said)
        self.assertIn("looking into testing of", said)

    def test_suite_that_is_out_of_date_is_left_out(self) -> None:
        self.release("2.0-1")
        self.write("expired", "testing")
        self.assertIn("the mirror's testing is out of date", self.fetch())
        self.assertEqual(self.names(), ["toy-2.0"])

    def test_none_is_newer(self) -> None:
        self.release("1.0-1")
        self.assertIn("toy: there is no newer build than libtoy-dev 1.0-1\n", self.fetch())
        self.assertEqual(self.names(), [])


class Failure(Mirror):
    def setUp(self) -> None:
        super().setUp()
        self.release("2.0-1")
        self.fetch()
        self.before = (self.rivals / "toy-2.0" / "rival.mk").stat().st_mtime_ns

    def keeps_what_it_had(self, says: str) -> None:
        self.assertIn(says, self.fetch(2))
        self.assertEqual(self.names(), ["toy-2.0"])
        self.assertEqual((self.rivals / "toy-2.0" / "rival.mk").stat().st_mtime_ns, self.before)

    def test_no_network(self) -> None:
        self.write("offline", "")
        self.keeps_what_it_had("is there a network?")

    def test_no_suite(self) -> None:
        self.write("suites", "")
        self.keeps_what_it_had("the mirror has none of these suites")

    def test_package_that_cannot_be_fetched(self) -> None:
        self.write("lost", "")
        self.keeps_what_it_had("could not be fetched")

    def test_no_mirror(self) -> None:
        self.write("codename", "other\n")
        self.keeps_what_it_had("apt is set up with no mirror of this system's suite")

    def test_words_are_refused(self) -> None:
        result = run("scripts/rivals.sh", "--now", cwd=self.tree, env=self.environment())
        self.assertEqual(result.returncode, 2)
        result = run("scripts/rivals.sh", "--help", cwd=self.tree, env=self.environment())
        self.assertIn("usage: scripts/rivals.sh", result.stdout)

    def test_interrupt(self) -> None:
        """While apt waits, which gets the signal as well."""
        wait = f"touch {self.directory}/waits; exec sleep 600"
        self.write("bin/apt-cache", f"#!/bin/sh\n{wait}\n").chmod(0o755)
        process = subprocess.Popen(
            ["scripts/rivals.sh"],
            cwd=self.tree,
            env=self.environment(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not (self.directory / "waits").exists():
            self.assertIsNone(process.poll())
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(timeout=600), 130)
        self.assertEqual(self.names(), ["toy-2.0"])
        self.assertFalse((self.tree / "build" / "rivals.new").exists())


@slow
class Network(DriverTest):
    """From the real mirror, with what apt checks."""

    def test_fetched_rivals_can_be_loaded(self) -> None:
        state = Path("/var/lib/apt/lists")
        before = sorted((p.name, p.stat().st_mtime_ns) for p in state.iterdir() if p.is_file())
        environment = {**os.environ, "B": str(self.directory)}
        result = run(ROOT / "scripts" / "rivals.sh", env=environment, timeout=3600)  # a slow mirror
        if result.returncode == 2:
            self.skipTest(f"rivals cannot be fetched here: {result.stderr.splitlines()[-1]}")
        self.assertEqual(result.returncode, 0, result.stderr)
        after = sorted((p.name, p.stat().st_mtime_ns) for p in state.iterdir() if p.is_file())
        self.assertEqual(before, after, "apt's own lists stay as they are")
        for rival in (self.directory / "rivals").iterdir():
            library = (rival / "rival.mk").read_text().split(f"$B/rivals/{rival.name}")[1].strip()
            path = f"LD_PRELOAD={rival}{library}"
            self.assertEqual(run("env", path, "true").stderr, "", path)


if __name__ == "__main__":
    unittest.main()
