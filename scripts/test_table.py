"""table.py: what it prints where, and what it calls the best."""

import math
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from driving import run_unread

import bench_results
import table
from bench_results import Results
from test_bench_results import EXAMPLE, entry, failed, made_up

TABLE = Path(__file__).resolve().parent / "table.py"
PAINT = re.compile(r"\033\[\d*m")


def mib(value: float) -> int:
    return int(value * 2**20)


def different() -> Results:
    """All its numbers differ, so that one in the place of another is seen."""
    samples = []
    for place, name in enumerate(("system", "fast", "null")):
        for ns in (11, 12, 13, 17, 19):
            k = place + 1
            samples.append(
                entry(
                    name,
                    ns * (1, 0.5, 0.1)[place],
                    ops_per_second=(70 + ns + k) * 1e6,
                    live_bytes=mib(1.5),
                    rss_start_bytes=mib(20 + k),
                    rss_live_bytes=mib(31 + k / 2),
                    vsz_live_bytes=mib(40 + k),
                    rss_drained_bytes=mib(51 + k / 2),
                    **({"usable_bytes": mib(4 + k)} if name != "null" else {}),
                    **({"rss_purged_bytes": mib(61 + k / 2)} if name != "null" else {}),
                )
            )
    return made_up(samples)


def grid(lines: list[str]) -> dict[str, dict[str, str]]:
    """Cells by label and title, of the lines of a group; a cell ends below its title's end."""
    labels = [line[2:].split("  ")[0] for line in lines[4:]]
    titles = [(m[0], m.end()) for m in re.finditer(r"\S+( \S+)*", lines[3])]
    rows: dict[str, dict[str, str]] = {}
    for label, line in zip(labels, lines[4:]):
        left = 2 + max(map(len, labels))
        for title, right in titles:
            rows.setdefault(label, {})[title] = " ".join(line[left:right].split())
            left = right
    return rows


class Numbers(unittest.TestCase):
    def test_three_digits(self) -> None:
        for value, text in (
            (0, "0"),
            (0.004567, "0.00457"),
            (0.5, "0.500"),
            (0.9996, "1.00"),
            (1.2345, "1.23"),
            (9.994, "9.99"),
            (9.996, "10.0"),
            (12.345, "12.3"),
            (99.94, "99.9"),
            (99.96, "100"),
            (123.4, "123"),
            (999.96, "1,000"),
            (123456.7, "123,457"),
        ):
            self.assertEqual(table.number(value), text)
        self.assertEqual(table.number(0.0886, 2), "0.089")
        self.assertEqual(table.number(0.996, 2), "1.0")

    def test_any_number(self) -> None:
        chance = random.Random(1)
        edges = [10**e * (1 - d) for e in range(-4, 7) for d in (0.0004, 0.0005, 0.0006, 0.00499)]
        for value in edges + [10 ** chance.uniform(-5, 7) for _ in range(20000)]:
            text = table.number(value)
            near = float(text.replace(",", ""))
            digit = 10.0 ** (math.floor(math.log10(near) + 1e-9) - 2)  # the last one's worth
            self.assertLessEqual(abs(near - value), max(0.501 * min(digit, 1), 1e-12), text)
            significant = re.sub(r"[.,]", "", text).lstrip("0")
            self.assertEqual(len(significant), 3 if near < 1000 else len(significant), text)
            self.assertGreaterEqual(len(significant), 3, text)

    def test_decimal_points_are_below_each_other(self) -> None:
        aligned = table.align(["1.50", "100", "-", "0.00123", "14x", "2,000"])
        self.assertEqual(
            aligned, ["    1.50   ", "  100      ", "    -      ", "    0.00123", "   14x     ",
                      "2,000      "]  # fmt: skip
        )
        self.assertEqual(table.align(["1 .. 22", "10.5 .. 3"]), [" 1   .. 22", "10.5 ..  3"])


class Cells(unittest.TestCase):
    def test_every_cell(self) -> None:
        lines = table.format_group(different(), "tiny", 1, colour=False)
        self.assertEqual(lines[1], "tiny, 1 thread: live set 1.50 MiB, 5 samples")
        expected = {
            "fast": "6.50|6.00 .. 8.50|85.0|0.50x|22.0|10.0|4.50|4.00|42.0|30.0|40.0",
            "system": "13.0|12.0 .. 17.0|84.0|1.0x|21.0|10.5|3.50|5.50|41.0|30.5|40.5",
            "null (floor)": "1.30|1.20 .. 1.70|86.0|0.10x|23.0|9.50|-|-|43.0|29.5|-",
        }
        titles = "ns/op|quartiles|Mop/s|vs system|start|RSS|slack|kept|VSZ|freed|purged".split("|")
        self.assertEqual(re.split("  +", lines[3].strip()), titles)
        self.assertEqual(
            grid(lines), {k: dict(zip(titles, v.split("|"))) for k, v in expected.items()}
        )
        self.assertEqual(list(grid(lines)), list(expected), "the fastest first, the floor last")

    def test_the_unit_is_over_the_memory_columns(self) -> None:
        lines = table.format_group(different(), "tiny", 1, colour=False)
        self.assertIn("- MiB -", lines[2])
        over = [lines[2][m.start()] for m in re.finditer(r"start|RSS|VSZ|freed|purged", lines[3])]
        self.assertNotIn(" ", [over[0], over[-1]])
        self.assertEqual(len(lines[2]), len(lines[3]))
        self.assertEqual(lines[2].index("-"), lines[3].index("start"))

    def test_range_of_few_samples(self) -> None:
        run = made_up([entry("a", t) for t in (4, 1, 2, 3)])
        lines = table.format_group(run, "tiny", 1, colour=False)
        self.assertEqual(grid(lines)["a"]["min .. max"], "1.00 .. 4.00")
        self.assertNotIn("quartiles", "\n".join(table.format_run(run, False)))

    def test_columns_without_a_number_are_left_out(self) -> None:
        lines = table.format_group(made_up([entry("a", 5)]), "tiny", 1, colour=False)
        self.assertNotIn("purged", lines[3])
        self.assertNotIn("vs system", lines[3])

    def test_no_ratio_to_a_row_that_failed(self) -> None:
        run = made_up([entry("a", 5), entry("system", 5), failed("system")])
        self.assertNotIn("vs", table.format_group(run, "tiny", 1, colour=False)[3])

    def test_lines_are_not_too_long(self) -> None:
        for line in table.format_run(bench_results.load(EXAMPLE), colour=False):
            self.assertLessEqual(len(line), 124)


class Heads(unittest.TestCase):
    def test_sample_counts(self) -> None:
        run = made_up([entry("a", 5), entry("a", 6), entry("b", 5)])
        head = table.format_group(run, "tiny", 1, colour=False)[1]
        self.assertTrue(head.endswith(", 1 to 2 samples"), head)

    def test_oversubscription(self) -> None:
        run = made_up([entry("a", 5, threads=t) for t in (2, 3)])
        self.assertNotIn("OVER", table.format_group(run, "tiny", 2, colour=False)[1])
        head = table.format_group(run, "tiny", 3, colour=False)[1]
        self.assertIn("tiny, 3 threads on 2 CPUs (OVERSUBSCRIBED: scheduling", head)

    def test_first_lines(self) -> None:
        run = made_up([entry("a", 5)], quick=True, complete=False, environment={"X": "1"})
        lines = table.format_run(run, colour=False)
        self.assertEqual(lines[:5], [run.title, *run.caveats, ""])
        self.assertEqual(len(run.caveats), 3)


class Best(unittest.TestCase):
    def bold(self, run: Results) -> dict[str, set[str]]:
        """Titles of the bold cells, by allocator, as painted."""
        lines = table.format_group(run, "tiny", 1, colour=True)
        bare = [PAINT.sub("", line) for line in lines]
        titles = [(m[0], m.end()) for m in re.finditer(r"\S+( \S+)*", bare[3])]
        found: dict[str, set[str]] = {}
        for line, plain in zip(lines[4:], bare[4:]):
            name = found.setdefault(plain.split()[0], set())
            for mark in re.finditer(re.escape(table.BOLD) + r"([^\033]*)", line):
                end = len(PAINT.sub("", line[: mark.end()]))
                name.add(next(title for title, e in titles if e >= end))
        return found

    def samples(self, name: str, times: list[float], **more: Any) -> list[dict[str, Any]]:
        return [entry(name, t, **more) for t in times]

    def test_all_that_overlap_the_best(self) -> None:
        run = made_up(
            self.samples("best", [10, 11, 12])
            + self.samples("near", [12, 13, 14])
            + self.samples("far", [12.1, 13, 14])
            + self.samples("null", [1, 11, 12])
        )
        memory = {"start", "RSS", "VSZ", "freed"}
        speed = {"ns/op", "Mop/s"}
        expected = {"best": memory | speed, "near": memory | speed, "far": memory, "null": set()}
        self.assertEqual(self.bold(run), expected)

    def test_quartiles_decide_when_they_are_shown(self) -> None:
        a, b = [1.0, 10, 11, 12, 50], [1.0, 20, 21, 22, 50]
        run = made_up(self.samples("a", a) + self.samples("b", b))
        bold = self.bold(run)
        self.assertEqual([n for n in bold if "ns/op" in bold[n]], ["a"])

    def test_less_memory_is_better(self) -> None:
        for key, title in (
            ("rss_start_bytes", "start"),
            ("rss_live_bytes", "RSS"),
            ("vsz_live_bytes", "VSZ"),
            ("rss_drained_bytes", "freed"),
            ("rss_purged_bytes", "purged"),
        ):
            run = made_up([entry("a", 1, **{key: 1}), entry("b", 1, **{key: 2})])
            bold = self.bold(run)
            self.assertEqual([n for n in bold if title in bold[n]], ["a"], title)

    def test_failed_rows_are_never_best(self) -> None:
        run = made_up([entry("a", 5), entry("half", 2), failed("half"), failed("none")])
        self.assertEqual([n for n, cells in self.bold(run).items() if cells], ["a"])


class Failures(unittest.TestCase):
    def test_causes(self) -> None:
        bad = [failed("half", "hung"), failed("half", "hung"), failed("half", "crashed")]
        run = made_up([entry("a", 5), entry("half", 2), *bad, failed("none", "no libx")])
        lines = table.format_group(run, "tiny", 1, colour=False)
        text = [" ".join(line.split()) for line in lines[4:]]
        self.assertEqual([t.split()[0] for t in text], ["half", "3", "a", "none"])
        self.assertEqual(text[1], "3 of 4 samples FAILED: hung; crashed")
        self.assertEqual(text[3], "none FAILED: no libx")
        self.assertEqual(grid(lines[:5])["half"]["ns/op"], "2.00")

    def test_all_failed(self) -> None:
        run = made_up([failed("a", "no luck")])
        text = "\n".join(table.format_run(run, colour=True))
        self.assertIn("a  FAILED: no luck", text)
        self.assertNotIn("ns/op", text)


class Legend(unittest.TestCase):
    def words(self, run: Results, colour: bool = False) -> list[str]:
        lines = table.format_legend(run, colour)
        return [line[2:].split("  ")[0] for line in lines if line[2:3].strip()]

    def test_only_what_is_there(self) -> None:
        titles = ["ns/op", "quartiles", "Mop/s", "vs system", "start", "RSS", "slack", "kept"]
        self.assertEqual(self.words(different()), [*titles, "VSZ", "freed", "purged", "-", "floor"])
        self.assertEqual(self.words(different(), True)[-2:], ["floor", "bold"])
        bare = ["ns/op", "min .. max", "Mop/s", "start", "RSS", "VSZ", "freed"]
        self.assertEqual(self.words(made_up([entry("a", 1)])), bare)
        self.assertEqual(self.words(made_up([entry("a", 1), failed("a")])), [*bare, "FAILED"])
        absent = [{"name": "a"}, {"name": "x", "skipped": "no libx"}]
        run = made_up([entry("a", 1)], allocators=absent)
        self.assertEqual(
            table.format_legend(run, False)[-1].split(), "x not measured: no libx".split()
        )


class Program(unittest.TestCase):
    def run_table(self, *words: Any, **more: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, TABLE, *words], capture_output=True, text=True, check=False, **more
        )

    def refused(self, result: "subprocess.CompletedProcess[str]", text: str) -> None:
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stderr, text + "\n")

    def test_example(self) -> None:
        result = self.run_table(EXAMPLE)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("\033", result.stdout, "no colours in a pipe")
        run = bench_results.load(EXAMPLE)
        self.assertEqual(result.stdout, "\n".join(table.format_run(run, colour=False)) + "\n")
        groups = len(run.workloads) * len(run.thread_counts)
        self.assertEqual(result.stdout.count(": live set"), groups)

    def test_what_is_no_run(self) -> None:
        missing = "table.py: /nonexistent: No such file or directory"
        self.refused(self.run_table("/nonexistent"), missing)
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            file = Path(directory) / "list.json"
            file.write_text("[]")
            wrong = f"table.py: {file}: not a run of spanbench: the file is not an object"
            self.refused(self.run_table(file), wrong)

    def test_from_anywhere(self) -> None:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            link = Path(directory) / "link"
            link.symlink_to(TABLE)
            for path in (TABLE, link):
                result = subprocess.run(
                    [path, EXAMPLE],
                    cwd=directory,
                    env={"PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"},
                    capture_output=True,
                    check=False,
                )
                self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_a_locale_without_the_letters(self) -> None:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            file = Path(directory) / "bench.json"
            text = (EXAMPLE / "bench.json").read_text()
            file.write_text(text.replace('"mimalloc"', '"mimällöc"'))
            result = self.run_table(file, env={"PYTHONIOENCODING": "ascii"})
            self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_help(self) -> None:
        result = self.run_table("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("example: scripts/table.py results/latest", result.stdout)
        self.assertEqual(self.run_table("--nonsense").returncode, 2)

    def test_output_that_is_full(self) -> None:
        for word in (str(EXAMPLE), "--help"):
            with open("/dev/full", "w", encoding="utf-8") as full:
                result = subprocess.run(
                    [sys.executable, TABLE, word],
                    stdout=full,
                    stderr=subprocess.PIPE,
                    text=True,
                    check=False,
                )
            self.refused(result, "table.py: standard output: No space left on device")

    def test_output_that_nobody_reads(self) -> None:
        result = run_unread(sys.executable, TABLE, EXAMPLE)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_output_that_is_closed(self) -> None:
        result = subprocess.run(
            ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, TABLE, EXAMPLE],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        self.refused(result, "table.py: standard output is closed")

    def test_interrupt(self) -> None:
        with tempfile.TemporaryDirectory(prefix="spanbench-test-") as directory:
            pipe = Path(directory) / "pipe"
            os.mkfifo(pipe)
            with subprocess.Popen(
                [sys.executable, TABLE, pipe],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # a shell starts what is in the background with it ignored
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            ) as process:
                with open(pipe, "wb"):  # which waits until it is opened there
                    process.send_signal(signal.SIGINT)
                    output, errors = process.communicate()
            said = b"table.py: interrupted by SIGINT\n"
            self.assertEqual((process.returncode, output, errors), (130, b"", said))
