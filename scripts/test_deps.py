"""deps.sh with a pretended distribution: what it asks apt-get for, and what it makes of failures."""

import os
import pty
import shutil
import signal
import subprocess
import time
from pathlib import Path

from driving import ROOT, DriverTest, run

# The pretended programs keep their state beside themselves: the packages that are `installed`, that
# the distribution `has`, and that are `broken`; and the `calls` of apt-get. Where `offline` exists,
# the lists cannot be renewed; where `slow` exists, an installation takes long. Another program holds
# a lock so often as `locked` has lines. A signal that comes just after a fork may be lost in the child:
# the slow installation is many short sleeps, so that one that gets no signal delays nothing.
PROGRAMS = {
    "dpkg-query": """shift 3
for package; do ! grep -qx "$package" $here/installed || echo "installed $package"; done""",
    "dpkg": """[ "$1" = -x ] && mkdir -p "$3/usr/lib/python3/dist-packages/matplotlib" """,
    "apt-cache": """grep -qx "$2" $here/has || exit 1
[ "$1" != depends ] || cat $here/depends""",
    "apt-get": """case $* in
--assume-no*) cat $here/cost && exit 1 ;;
esac
while [ "$1" != update ] && [ "$1" != install ] && [ "$1" != download ]; do shift; done
echo "$*" >>$here/calls
[ $1 != install ] || trap 'echo interrupted >>$here/calls; exit 100' INT
echo "Reading $1"
if [ -s $here/locked ]; then
  sed -i 1d $here/locked
  echo "E: Could not get lock /var/lock. It is held by process 7 (other)"
  exit 100
fi
case $1 in
download)
  ! grep -qx "$2" $here/broken || exit 100
  : >"$2.deb"
  ;;
update) [ ! -e $here/offline ] || [ "$3" != APT::Update::Error-Mode=any ] || exit 100 ;;
install)
  while [ -e $here/slow ]; do sleep 0.1; done
  shift 3
  for package; do ! grep -qx "$package" $here/broken || exit 100; done
  printf '%s\\n' "$@" >>$here/installed
  ;;
esac""",
    "id": "cat $here/user",
    "sudo": """[ ! -e $here/refused ] || exit 1
case $1 in
-n | -v) ;;
*) echo sudo >>$here/calls && exec "$@" ;;
esac""",
}
USED = "awk cat dirname env grep mkdir mv rm sed sh sleep tail tr wc".split()
MATPLOTLIB = "python3-matplotlib"
COST = """0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.
Need to get 1,234 kB/80.5 MB of archives.
After this operation, 364 MB of additional disk space will be used.
"""
DEPENDS = """python3-matplotlib
  Depends: libjs-jquery
  Depends: python3-fonttools
 |Depends: python3-numpy
  Depends: python3-numpy-dbg
  Depends: <python3-numpy-abi9>
    python3-numpy
  Depends: python3-pil.imagetk
  Depends: gcc
  Depends: python3-pil
  Recommends: python3-tk
"""
ADAPTERS = {"a": "liba-dev", "b": "libb-dev", "same": "libb-dev", "system": "libc6-dev"}


class Distribution(DriverTest):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.directory / "tree"
        for name, package in ADAPTERS.items():
            self.write(f"tree/allocators/{name}.c", f"/* A.\n *\n * package: {package}\n */\n")
        (self.tree / "scripts").mkdir()
        for script in ("deps.sh", "adapter-keys"):
            shutil.copy(ROOT / "scripts" / script, self.tree / "scripts")
        self.bin = self.directory / "bin"
        for name, text in PROGRAMS.items():
            path = self.write(f"bin/{name}", f"#!/bin/sh\nhere={self.bin}\n{text}\n")
            path.chmod(0o755)
        for name in USED:
            (self.bin / name).symlink_to(shutil.which(name) or name)
        self.required = self.deps("bench", "--print").stdout.split()
        self.required = [p for p in self.required if p not in ("liba-dev", "libb-dev")]
        self.state("installed", *self.required, "liba-dev", "libb-dev")
        self.state("has", *self.required, "liba-dev", "libb-dev")
        self.state("broken")
        self.state("cost", *COST.splitlines())
        self.state("depends", *DEPENDS.splitlines())
        self.state("user", "0")

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def state(self, name: str, *lines: str) -> None:
        self.write(f"bin/{name}", "".join(f"{line}\n" for line in lines))

    def environment(self) -> "dict[str, str]":
        return {"PATH": str(self.bin), "HOME": "/nonexistent"}

    def deps(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return run("scripts/deps.sh", *words, cwd=self.tree, env=self.environment())

    def calls(self) -> "list[str]":
        """What apt-get was asked for since the last time."""
        path = self.bin / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        lines = [line.partition(" -o ")[0] for line in lines]
        return [line.replace("install -y --no-install-recommends", "install") for line in lines]

    def check(self, code: int, *calls: str, says: str = "") -> str:
        result = self.deps("bench")
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(self.calls(), list(calls), result.stderr)
        self.assertIn(says, result.stderr)
        return result.stderr


class Browser(Distribution):
    def test_one_that_cannot_be_had_costs_its_test_alone(self) -> None:
        packages = self.deps("test-all", "--print").stdout.split()
        self.assertLess({"chromium", "npm", "slurm-wlm", "munge"}, set(packages))
        for package in ("chromium", "slurm-wlm"):
            self.assertNotIn(package, self.deps("test", "--print").stdout)
        self.state("installed", *packages[: packages.index("chromium")], "liba-dev", "libb-dev")
        result = self.deps("test-all")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("no package chromium: its allocator or test will be skipped", result.stderr)


class Words(Distribution):
    def test_usage(self) -> None:
        self.assertIn("usage:", self.deps("--help").stdout)
        self.assertEqual(self.deps("bench", "--help").returncode, 0)
        for line in ("", "--print", "bench --prnt", "build", "bench --print x"):
            words = line.split()
            result = self.deps(*words)
            self.assertEqual((result.returncode, result.stdout), (2, ""), words)
            self.assertIn("usage: scripts/deps.sh", result.stderr)
        self.assertEqual(self.calls(), [])

    def test_print_names_each_package_once(self) -> None:
        for role in ("bench", "gate", "test", "test-all"):
            packages = self.deps(role, "--print").stdout.split()
            self.assertEqual(len(packages), len(set(packages)))
            self.assertLessEqual({"gcc", "libbenchmark-dev", "liba-dev"}, set(packages))
            self.assertEqual("python3-statsmodels" in packages, role != "bench")
            self.assertEqual({"golang-go", "spin"} <= set(packages), role.startswith("test"))
            self.assertEqual("qemu-user-static" in packages, role == "test-all")


class Installing(Distribution):
    def test_nothing_is_missing(self) -> None:
        self.assertEqual(self.check(0), "")

    def test_what_is_required_comes_first(self) -> None:
        self.state("installed", *[p for p in self.required if p not in ("gcc", "g++")])
        self.check(0, "update", "install gcc g++", "install liba-dev libb-dev")
        self.check(0)

    def test_failed_update(self) -> None:
        self.state("offline")
        self.state("has", "liba-dev")
        self.state("installed", *self.required)
        self.check(0, "update", "install liba-dev", says="libb-dev is not in the lists")
        self.check(0, "update", says="update failed")  # of libb-dev nothing is known yet

    def test_package_that_the_distribution_does_not_have_is_asked_for_once(self) -> None:
        self.state("has", "liba-dev")
        self.state("installed", *self.required)
        self.check(0, "update", "install liba-dev", says="has no package libb-dev: its allocator")
        self.check(0)
        shutil.rmtree(self.tree / "build")
        self.check(0, "update", says="has no package libb-dev")

    def test_optional_package_that_fails_costs_itself_only(self) -> None:
        self.state("broken", "liba-dev")
        self.state("installed", *self.required)
        both = ["install liba-dev libb-dev", "install liba-dev", "install libb-dev"]
        self.check(0, "update", *both, says="package liba-dev could not be installed")
        self.check(0, "update", "install liba-dev", says="its allocator will be skipped")

    def test_required_package_that_fails_ends_the_run(self) -> None:
        self.state("broken", "gcc")
        self.state("installed", *[p for p in self.required if p != "gcc"])
        self.check(2, "update", "install gcc", says="DEPS=skip")

    def test_no_apt(self) -> None:
        (self.bin / "apt-get").unlink()
        self.assertIn("  libbenchmark-dev\n  ", self.check(2, says="has no apt-get"))


class Cost(Distribution):
    def test_cost_is_said_before_anything_is_installed(self) -> None:
        self.state("installed", *self.required)
        said = self.check(0, "update", "install liba-dev libb-dev")
        cost = "2 packages to install: 1,234 kB to download, 364 MB on disk"
        self.assertIn(f"deps.sh: {cost}\n", said)
        self.assertLess(said.index(cost), said.index("installing"))

    def test_cost_that_apt_does_not_know_is_not_said(self) -> None:
        self.state("cost", "E: Unable to locate package liba-dev")
        self.state("installed", *self.required)
        said = self.check(0, "update", "install liba-dev libb-dev")
        self.assertNotIn("packages to install", said)


class Plots(Distribution):
    """matplotlib is unpacked, beside the packages that it draws with."""

    def setUp(self) -> None:
        super().setUp()
        self.state("has", MATPLOTLIB)
        installed = [p for p in self.required if p != MATPLOTLIB]
        self.state("installed", *installed, "liba-dev", "libb-dev")
        self.parts = "install python3-numpy python3-pil"
        self.unpacked = self.tree / "build" / "matplotlib"

    def test_it_is_unpacked_once(self) -> None:
        self.check(0, "update", self.parts, f"download {MATPLOTLIB}")
        self.assertTrue((self.unpacked / "matplotlib").is_dir())
        self.assertEqual(self.check(0), "")

    def test_distribution_without_it_is_asked_once(self) -> None:
        self.state("has")
        self.check(0, "update", says="there will be no plots")
        self.assertEqual(self.check(0), "")

    def test_failure_costs_the_plots_only_and_leaves_nothing(self) -> None:
        for broken, calls in (("python3-pil", 1), (MATPLOTLIB, 2)):
            self.state("broken", broken)
            expected = [self.parts, f"download {MATPLOTLIB}"][:calls]
            self.check(0, "update", *expected, says="there will be no plots")
            self.assertEqual(list((self.tree / "build").glob("matplotlib*")), [])

    def test_gate_has_the_whole(self) -> None:
        self.state("installed", *self.deps("gate", "--print").stdout.split())
        self.assertEqual((self.deps("gate").returncode, self.calls()), (0, []))
        self.state("installed", "liba-dev", "libb-dev")
        self.deps("gate")
        (required,) = [c for c in self.calls() if c.startswith("install")]
        self.assertIn(MATPLOTLIB, required)
        self.assertFalse(self.unpacked.exists())


class Locked(Distribution):
    def setUp(self) -> None:
        super().setUp()
        self.state("installed", *self.required)

    def test_lock_of_another_program_is_waited_for(self) -> None:
        self.state("locked", "once")
        said = self.check(0, "update", "update", "install liba-dev libb-dev")
        self.assertIn("waiting for it: /var/lock. It is held by process 7 (other)", said)

    def test_lock_that_stays(self) -> None:
        self.state("locked", *["again"] * 100)
        environment = {**self.environment(), "APT_LOCK_TIMEOUT": "0"}
        self.state("installed", "liba-dev", "libb-dev")
        result = run("scripts/deps.sh", "bench", cwd=self.tree, env=environment)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("still holds apt's lock, after 0 s: /var/lock", result.stderr)


class Rights(Distribution):
    def setUp(self) -> None:
        super().setUp()
        self.state("user", "1000")
        self.state("installed", *self.required)

    def test_sudo_is_used(self) -> None:
        self.check(0, "sudo", "update", "sudo", "install liba-dev libb-dev")

    def test_neither_root_nor_sudo(self) -> None:
        (self.bin / "sudo").unlink()
        self.check(0, says="--no-install-recommends liba-dev libb-dev\n")
        self.state("installed", *[p for p in self.required if p != "gcc"])
        self.check(2, says="--no-install-recommends gcc liba-dev libb-dev\n")

    def test_sudo_that_refuses(self) -> None:
        self.state("refused")
        self.check(0, says="did not allow to install: liba-dev")
        self.state("installed", *[p for p in self.required if p != "gcc"])
        self.check(2, says="did not allow to install: gcc")


class Interrupted(Distribution):
    def test_interrupt_ends_apt_and_the_script(self) -> None:
        self.state("installed", *self.required)
        self.state("slow")
        try:
            terminal, end = pty.openpty()  # as standard error, so that progress is shown
        except OSError as problem:
            self.skipTest(f"no terminal can be made here, is /dev/pts mounted? {problem}")
        self.addCleanup(os.close, terminal)
        process = subprocess.Popen(
            ["scripts/deps.sh", "bench"],
            cwd=self.tree,
            env=self.environment(),
            stderr=end,
            start_new_session=True,
        )
        os.close(end)
        shown = b""
        while b"Reading install" not in shown:
            shown += os.read(terminal, 1000)
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(timeout=600), 130)
        self.assertEqual(self.calls()[-2:], ["install liba-dev libb-dev", "interrupted"])
        self.wait_for_end_of_group(process.pid)

    def wait_for_end_of_group(self, group: int) -> None:
        for _ in range(600):
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)
        self.fail("a process is left")
