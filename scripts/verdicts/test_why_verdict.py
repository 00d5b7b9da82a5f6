"""What scripts/verdicts/why_verdict.py says of memory over time whose truth is known."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable

from verdicts import why_results
from verdicts import why_verdict
from bench_results import MIB, Unusable

PARTS = ("requested", "slack", "fragments", "kept", "huge", "outside", "stacks", "files")


def point(seconds: float, **given: Any) -> Any:
    """Of why.json; parts in MiB."""
    parts = {name: int(given.get(name, 0) * MIB) for name in PARTS}
    parts["files"] = parts["files"] or 2 * MIB
    live = int(given.get("live", (parts["requested"] + parts["slack"]) / MIB) * MIB)
    thread = {"name": "worker", "tid": 7}
    return {
        "seconds": seconds,
        "rss": sum(parts.values()),
        **parts,
        "live": live,
        "untouched": int(given.get("untouched", 0) * MIB),
        "blocks": 10,
        "made": 100,
        "heap": sum(parts[p] for p in ("requested", "slack", "fragments", "kept")),
        "arenas": given.get("arenas", 0),
        "arenas_memory": int(given.get("arenas_memory", 0) * MIB),
        "threads_ever": given.get("threads", 1),
        "level": 0,
        "classes": [
            {"least": 48, "most": 55, "bytes": live, "blocks": 9, "thread": thread, "share": 1.0}
        ],
        "threads": [{"number": 1, "thread": thread, "bytes": live}],
    }


def process(
    shape: Callable[[float], dict[str, Any]], allocator: str = "/lib/libc.so.6"
) -> why_results.Process:
    """A process of ten seconds; `shape` tells its memory at a part of them, 0 to 1."""
    return why_results.process_of(
        {
            "pid": 1,
            "command": "p",
            "allocator": allocator,
            "peak_rss": 1,
            "exact": True,
            "points": [point(i / 10, **shape(i / 100)) for i in range(101)],
        }
    )


class OverTime(unittest.TestCase):
    def test_bars(self) -> None:
        self.assertEqual(why_verdict.bars([(1.0, 5.0)], 5.0), "█" * 48)
        self.assertEqual(why_verdict.bars([(0.0, 0.0), (1.0, 0.0)], 0.0), "▁" * 48)
        steps = [(float(i), float(i)) for i in range(9)]
        drawn = why_verdict.bars(steps, 8.0)
        self.assertEqual(drawn, "".join(bar * 6 for bar in "▁▂▃▄▅▆▇█"))
        peak = why_verdict.bars([(0.0, 1.0), (0.1, 8.0), (0.2, 1.0), (48.0, 1.0)], 8.0)
        self.assertEqual(
            peak[:2], "██", "a short peak is seen, and stays until somebody looks again"
        )

    def test_lines(self) -> None:
        """Live bytes go, and their memory stays."""
        found = process(
            lambda t: {"requested": 6, "kept": 0} if t < 0.5 else {"requested": 0.1, "kept": 5.9}
        )
        title, resident, live = why_verdict.over_time(found)
        self.assertEqual(title, "over 10 s, 101 looks, from 0 to 8 MiB:")
        self.assertEqual(resident, "  resident  " + "█" * 48)
        self.assertEqual(live, "  live      " + "▇" * 24 + "▁" * 24)


class Kinds(unittest.TestCase):
    def expect(self, kind: str, shape: Callable[[float], dict[str, Any]], **options: Any) -> str:
        found = why_verdict.judge(process(shape, **options))
        self.assertEqual(found.kind, kind, found.sentence)
        return found.sentence

    def test_a_leak_names_sizes_and_thread(self) -> None:
        said = self.expect("leak", lambda t: {"requested": 5 + 50 * t})
        self.assertIn("blocks of 48 to 55 B, allocated by thread worker (7)", said)

    def test_a_leak_below_a_wave(self) -> None:
        """Work comes and goes; the least of each stretch counts."""
        self.expect("leak", lambda t: {"requested": 5 + 50 * t + 10 * (int(t * 100) % 5)})

    def test_a_short_run_shows_no_leak(self) -> None:
        """It may have ended before it had all its data: too short, or too few looks."""
        long = process(lambda t: {"requested": 5 + 50 * t})
        few = dataclasses.replace(long, points=long.points[::9])
        short = [dataclasses.replace(p, seconds=p.seconds / 20) for p in long.points]
        for seen in (few, dataclasses.replace(long, points=short)):
            found = why_verdict.judge(seen)
            self.assertEqual(found.kind, "filling")
            self.assertIn("Still filling when it ended", found.sentence)

    def test_a_leak_beside_memory_that_the_allocator_keeps(self) -> None:
        nothing, much = (
            why_verdict.judge(process(lambda t, k=kept: {"requested": 5 + 50 * t, "kept": k})).advice  # type: ignore[misc]
            for kept in (1, 50)
        )
        self.assertIn("No allocator and none of its options can help", nothing)
        self.assertNotIn("none of its options", much)
        self.assertRegex(much, "4[0-9] % of the memory are free")

    def test_what_stops_growing_is_in_use(self) -> None:
        self.expect("live", lambda t: {"requested": 5 + 50 * min(t, 0.45)})

    def test_live_blocks_that_are_not_resident(self) -> None:
        """Else more would be live than there is memory."""
        shape = {"requested": 5, "live": 22}
        self.assertNotIn("resident", self.expect("live", lambda t: shape))
        found = process(lambda t: {**shape, "untouched": 17})
        self.assertIn(
            "22 MiB (17 MiB of them not resident), and", why_verdict.judge(found).sentence
        )
        told = why_verdict.report(why_results.Results(Path(), [], [found], 1))
        self.assertIn("  of live blocks, 17 MiB are not resident", told)

    def test_a_wave_is_in_use(self) -> None:
        self.expect("live", lambda t: {"requested": 40 + 20 * (int(t * 100) % 7) / 7})

    def test_the_way_out_is_left_out(self) -> None:
        """The program frees all at its end."""
        self.expect("live", lambda t: {"requested": 50} if t < 0.98 else {"kept": 50, "live": 0})

    def test_the_way_out_of_a_short_run(self) -> None:
        """Nine looks: the last fifth has one that counts, and the program was leaving then."""
        long = process(lambda t: {"requested": 1, "outside": 18 if t < 0.86 else 2})
        short = dataclasses.replace(
            long, points=[*long.points[:84:12], long.points[88], long.points[99]], looks=9
        )
        found = why_verdict.judge(short)
        self.assertIn("18 MiB come from mmap", found.sentence)

    def test_free_memory(self) -> None:
        self.expect(
            "kept", lambda t: {"requested": 50} if t < 0.4 else {"requested": 2, "kept": 48}
        )
        self.expect(
            "fragmentation",
            lambda t: {"requested": 50}
            if t < 0.4
            else {"requested": 2, "fragments": 40, "kept": 8},
        )
        arenas = {"requested": 2, "kept": 48, "arenas": 8, "arenas_memory": 48}
        said = self.expect("arenas", lambda t: {"requested": 50} if t < 0.4 else arenas)
        self.assertIn("8 arenas beside the main one", said)
        pinned = {"requested": 2, "fragments": 48, "arenas": 3, "arenas_memory": 50}
        self.expect("fragmentation", lambda t: {"requested": 50} if t < 0.4 else pinned)
        self.expect(
            "arenas",
            lambda t: {"requested": 8, "kept": 50 * t, "threads": 9},
            allocator="/usr/lib/libjemalloc.so.2",
        )

    def test_what_pins(self) -> None:
        """Not the largest class, but the one that lies beside free memory; in older files, the one of the most blocks."""
        shape = process(
            lambda t: {"requested": 50} if t < 0.4 else {"requested": 2, "fragments": 48}
        )
        array = why_results.SizeClass(1 << 20, 2 << 20, 1 << 20, 1, None, 0)
        packed = why_results.SizeClass(16, 31, 999, 30, None, 0, 1 * MIB)
        survivors = why_results.SizeClass(96, 111, 99, 9, None, 0, 40 * MIB)
        for classes, words in (
            ([array, packed, survivors], "mostly blocks of 96 to 111 B"),
            (
                [array, packed, dataclasses.replace(survivors, pins=1 * MIB)],
                "mostly blocks of 16 to 31 B",
            ),
            (
                [array, *(dataclasses.replace(c, pins=0) for c in (packed, survivors))],
                "mostly blocks of 16 to 31 B",
            ),
        ):
            points = [dataclasses.replace(p, classes=classes) for p in shape.points]
            found = why_verdict.judge(dataclasses.replace(shape, points=points))
            self.assertEqual(found.kind, "fragmentation")
            self.assertIn(f"between them; {words}.", found.sentence)

    def test_headers_of_small_blocks_are_not_fragmentation(self) -> None:
        self.expect("live", lambda t: {"requested": 30, "slack": 3, "fragments": 12})

    def test_what_malloc_has_not(self) -> None:
        for part in ("huge", "outside", "stacks"):
            self.expect(part, lambda t, part=part: {"requested": 3, part: 20})  # type: ignore[misc]

    def test_slack(self) -> None:
        self.expect("slack", lambda t: {"requested": 20, "slack": 12, "fragments": 8})
        self.expect("live", lambda t: {"requested": 20, "slack": 2})

    def test_hardly_any(self) -> None:
        self.expect("small", lambda t: {"requested": 0.2})

    def test_one_look(self) -> None:
        one = why_results.process_of(
            {
                "pid": 1,
                "command": "p",
                "allocator": "x",
                "peak_rss": 1,
                "exact": True,
                "points": [point(0.1, requested=9)],
            }
        )
        found = why_verdict.judge(one)
        self.assertEqual(found.kind, "few")
        self.assertIn("1 look. It had 11 MiB then; the largest part, 82 %, is live", found.sentence)

    def test_few_looks(self) -> None:
        """Whatever they show: of many looks, only some are kept as points."""
        long = process(lambda t: {"requested": 5 + 50 * t})
        for points in (long.points[:2], long.points[::60]):
            seen = dataclasses.replace(long, points=points, looks=2)
            found = why_verdict.judge(seen)
            self.assertEqual(found.kind, "few", found.sentence)
            self.assertIn("2 looks in", found.sentence)
            lines = why_verdict.report(why_results.Results(Path(), [], [seen], 1))
            self.assertFalse([line for line in lines if "█" in line], lines)
            self.assertNotEqual(why_verdict.judge(dataclasses.replace(seen, looks=3)).kind, "few")

    def test_code_and_files(self) -> None:
        """A server that has no data yet: what is live does not say where its memory is."""
        said = self.expect("small", lambda t: {"requested": 1.2, "kept": 0.4, "files": 12})
        self.assertIn("1.6 MiB beside code and files (13.6 MiB in all)", said)
        said = self.expect("live", lambda t: {"requested": 30, "kept": 10, "files": 360})
        self.assertIn("75 % of the memory beside code and files are live", said)
        self.expect("leak", lambda t: {"requested": 1.5 + 3 * t, "files": 40})

    def test_what_is_in_use_without_malloc(self) -> None:
        """It is the answer if it is more than what is live, or grows."""
        for part in ("outside", "stacks"):
            shape = {"requested": 15, part: 14}
            self.expect("live", lambda t, s=shape: s)  # type: ignore[misc]
            self.expect(part, lambda t, s=shape: {**s, "requested": 13})  # type: ignore[misc]
            self.expect(part, lambda t, p=part: {"requested": 15, p: 4 + 10 * t})  # type: ignore[misc]

    def test_an_allocator_inside(self) -> None:
        """Its memory is outside of malloc only as long as it is on."""
        plain = process(lambda t: {"requested": 3, "outside": 20})
        python = dataclasses.replace(plain, inner=("CPython's pymalloc: PYTHONMALLOC=malloc",))
        self.assertIn("No malloc can help", why_verdict.judge(plain).advice)
        told = why_verdict.report(why_results.Results(Path(), [], [python], 1))
        self.assertNotIn("No malloc can help", "\n".join(told))
        self.assertIn("ask again: malloc then has these objects", told[1])
        self.assertEqual(told[-1], "inside: CPython's pymalloc: PYTHONMALLOC=malloc")


class Files(unittest.TestCase):
    def test_spoiled(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "why.json").write_text('{"processes": [{"pid": "x"}]}')
            with self.assertRaisesRegex(Unusable, "why: a member of it is of another kind than"):
                why_results.load(Path(folder))
            (Path(folder) / "why.json").write_text("{}")
            with self.assertRaisesRegex(Unusable, "why: it has no member 'processes'$"):
                why_results.load(Path(folder))
            for text in ("", "{}", "[]", json.dumps({"processes": [], "command": []})):
                (Path(folder) / "why.json").write_text(text)
                with self.assertRaises(Unusable):
                    why_results.load(Path(folder))
            with self.assertRaisesRegex(Unusable, "there is no such file"):
                why_results.load(Path(folder) / "gone")


if __name__ == "__main__":
    unittest.main()
