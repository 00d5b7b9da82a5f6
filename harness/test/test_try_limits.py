"""`spanbench try --smallest-limit`, and two builds of one program (--against)."""

from __future__ import annotations

import os
import unittest
from typing import Any

from driving import run, slow
from trying import MIB, PYTHON, TryTest

# Ends well with 80 MiB or more, and with 50 to 61 MiB. It takes about 53 MiB, so that the search
# begins between 61 and 80.
CAPRICIOUS = """
import resource, sys
taken = b"x" * (46 << 20)
limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
if limit < 0:
    for line in open("/proc/self/cgroup"):
        _, controllers, group = line.strip().split(":", 2)
        where = {"memory": "/memory", "": ""}.get(controllers)
        for name in ("memory.limit_in_bytes", "memory.max"):
            try:
                limit = int(open(f"/sys/fs/cgroup{where}{group}/{name}").read())
            except (OSError, ValueError):
                pass
mib = limit / 2**20 if limit >= 0 else 10**9
sys.exit(not (mib >= 80 or 50 <= mib <= 61))
"""


TAKEN = 'taken = b"x" * (46 << 20)\n'
BEGIN = CAPRICIOUS.partition("sys.exit")[0]
assert TAKEN in BEGIN

# The runs with less than MOST MiB but 50 or more are counted, and WELL says which of them end well.
ODD = """
from pathlib import Path
counter = Path(COUNTER)
count = len(counter.read_text()) if counter.exists() else 0
if 50 <= mib < MOST:
    counter.write_text("x" * (count + 1))
sys.exit(not (mib >= MOST or mib >= 50 and WELL))
"""

# Needs 60 MiB, and fails if the run before had less than half as much: the first that looks for larger limits.
JUMP = """
from pathlib import Path
last = Path(LAST)
before = float(last.read_text()) if last.exists() else mib
last.write_text(str(mib))
if mib < 60 or mib < 10**9 and mib > 2 * before:
    sys.exit(1)
"""


class Limits(TryTest):
    def smallest(self, script: str, *before: str) -> Any:
        words = (PYTHON, "-I", "-S", "-c", script)
        start = self.start(*words, options=("--runs", 1, "--quiet", "--smallest-limit"))
        result = run(*before, *start)
        self.assertEqual(result.returncode, 0, result.stderr)
        (row,) = self.program()["rows"]
        return row["smallest_limit"]

    def test_smallest_limit_of_known_memory(self) -> None:
        touch = (
            "import mmap; mmap.mmap(-1, 20 << 20, flags=mmap.MAP_PRIVATE).write(b'x' * (20 << 20))"
        )
        limit = self.smallest(touch)
        self.assertAlmostEqual(limit["bytes"] / MIB, 44, delta=6)  # both copies, and Python
        self.assertLessEqual(limit["bytes"] - limit["too_small_bytes"], 0.02 * limit["bytes"] + MIB)
        self.assertLess(len(limit["tries"]), 25)
        tries = {t["bytes"]: t["problem"] for t in limit["tries"]}
        self.assertIsNone(tries[limit["bytes"]])
        self.assertTrue(tries[limit["too_small_bytes"]])

    def expect_contradiction(self, limit: Any) -> None:
        self.assertAlmostEqual(limit["bytes"] / MIB, 80, delta=2.2)
        self.assertTrue(50 <= limit["also_enough_bytes"] / MIB <= 61)

    def test_smallest_limit_that_is_not_the_only_one(self) -> None:
        self.expect_contradiction(self.smallest(CAPRICIOUS))

    def by_chance(self, script: str) -> Any:
        limit = self.smallest(script)
        self.assertIsNone(limit["also_enough_bytes"], limit)
        self.assertIsNone(limit["also_too_small_bytes"], limit)
        self.assertTrue(limit["by_chance"], limit)
        return limit

    def odd(self, well: str, most: float) -> str:
        counter = repr(str(self.directory / f"count of {well}, {most}"))
        end = ODD.replace("COUNTER", counter).replace("WELL", well).replace("MOST", f"{most}")
        return BEGIN + end

    def test_chance_is_no_contradiction(self) -> None:
        """Neither a limit that fails once and never again, nor every second run."""
        for well in ("count > 0", "count % 2"):
            limit = self.by_chance(self.odd(well, 80))
            of_it = [t["problem"] for t in limit["tries"] if t["bytes"] == limit["bytes"]]
            self.assertEqual(of_it, 3 * [None], limit)

    def test_chance_at_every_limit(self) -> None:
        limit = self.by_chance(self.odd("count % 2", 1e6))
        self.assertIsNone(limit["bytes"], limit)
        self.assertIn("chance decides", limit["problem"])

    def test_one_failure_above_is_no_contradiction(self) -> None:
        end = JUMP.replace("LAST", repr(str(self.directory / "last")))
        self.by_chance(BEGIN.replace(TAKEN, "") + end + TAKEN)

    @slow
    def test_smallest_limit_where_no_control_group_can_be_made(self) -> None:
        if os.getuid() != 0:
            self.skipTest("only root can become somebody else")
        self.directory.chmod(0o777)
        nobody = ("setpriv", "--reuid=65534", "--clear-groups")
        limit = self.smallest(CAPRICIOUS, *nobody)
        self.assertEqual(self.program()["program"]["limited_by"], "RLIMIT_DATA")
        self.expect_contradiction(limit)

    @slow
    def test_output_counts_unless_it_is_another_each_time(self) -> None:
        limit = self.smallest(
            CAPRICIOUS.replace(
                "sys.exit(not", "print(mib >= 80 or limit < 0 or mib > 1e6); sys.exit(not"
            )
        )
        self.assertIsNone(limit["also_enough_bytes"])
        self.assertIn("printed something else", str(limit["tries"]))
        self.assertFalse(self.smallest("import os; print(os.getpid())")["output_compared"])


class Builds(TryTest):
    def test_two_builds_in_the_same_rounds(self) -> None:
        other = ("--against", "sh -c 'echo $((6 * 7)); exit 0'", "--metric", "[0-9]+")
        more = ("--runs", 4, "--quiet", "--same-output")
        result = self.attempt("echo", "41", options=(*other, *more), rows="system,jemalloc")
        self.assertEqual(result.returncode, 0, result.stderr)
        runs = self.program()["runs"]
        builds = [f"{row}{end}" for row in ("jemalloc", "system") for end in ("", " (against)")]
        for n in range(4):
            self.assertEqual(sorted(r["row"] for r in runs if r["round"] == n), builds)
        self.assertEqual({r["metric"] for r in runs if "against" in r["row"]}, {42})
        self.assertEqual({r["metric"] for r in runs if "against" not in r["row"]}, {41})
        rows = self.program()["rows"]
        self.assertTrue(all(r["name"].endswith("(against)") == r["against"] for r in rows))
        library = [r["processes"][-1]["malloc"] for r in rows if r["name"] == "jemalloc (against)"]
        self.assertIn("jemalloc", library[0])

    def test_a_build_that_fails_has_a_cause_and_leaves_the_other(self) -> None:
        result = self.attempt("true", options=("--runs", 1, "--quiet", "--against", "false"))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertRegex(str(self.cause("system (against)")), "exit code 1")
        self.assertIsNone(self.cause("system"))


if __name__ == "__main__":
    unittest.main()
