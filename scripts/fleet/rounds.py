"""Rounds: which there are, which are whole, and which are missing. Pure, and of Python's own modules alone, for it
also runs on the nodes.

A round is one sample of each row, or two in a mirrored order, all by one node. It is the unit of the work: it is
there as a whole, or it is not there.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Collection, Iterable, Sequence

import stored_file

Range = tuple[int, int]  # the first and the last round


def stage(number: int, period: int) -> int:
    """0 or 1, of the gate's two: the first round of each period suspects, the others decide. Other work (a period of 0)
    has one stage."""
    return int(period == 0 or number % period > 0)


def ranges(rounds: Iterable[int], longest: int, period: int = 0, section: int = 0) -> list[Range]:
    """Runs of successive rounds of one stage, each of at most so many, and none over the end of a section of so many (0:
    there are none)."""

    def kind(number: int) -> tuple[int, int]:
        return stage(number, period), number // section if section else 0

    found: list[Range] = []
    for number in sorted(set(rounds)):
        alike = found and kind(number) == kind(found[-1][1])
        if alike and number == found[-1][1] + 1 and number - found[-1][0] < longest:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def of(batch: Sequence[int]) -> range:
    return range(batch[0], batch[1] + 1)


def described(rounds: Collection[int]) -> str:
    """In words: 0 to 3, 7."""
    return ", ".join(
        str(a) if a == b else f"{a} to {b}" for a, b in ranges(rounds, max(1, len(rounds)))
    )


def named(asked: Any, missing: Collection[int]) -> str:
    """In words, such as "rounds 0 to 3, 7", or "rounds 0, 1 of gcc and 2 of git". `asked` is fleet.json."""
    if asked["work"] != "programs":
        return f"rounds {described(missing)}"
    of = asked["section"]
    found = []
    for number, program in enumerate(asked["programs"]):
        own = [n - number * of for n in missing if n // of == number]
        found += [f"{described(own)} of {program['name']}"] * bool(own)
    return f"rounds {' and '.join(found)}"


def by_round(document: Any) -> dict[int, list[dict[str, Any]]]:
    """The samples of a run of the driver. Raises what SPOILED has, if it is none."""
    found: dict[int, list[dict[str, Any]]] = {}
    for entry in document["benchmarks"]:
        if type(entry["block"]) is not int:
            raise ValueError(f"a block is {entry['block']!r:.40}")
        found.setdefault(entry["block"], []).append(entry)
    return found


def is_whole(entries: Iterable[dict[str, Any]], rows: Sequence[str], each: int) -> bool:
    """Has a round each of these rows so often, and nothing else? A failed sample is one, too: the failure is what
    was found."""
    return Counter(e["name"] for e in entries) == {row: each for row in rows}


def whole(document: Any, rows: Sequence[str], each: int) -> list[int]:
    return sorted(n for n, e in by_round(document).items() if is_whole(e, rows, each))


# What the driver stores of each kind of work.
FILES = {
    "run": "bench.json",
    "check": "conformance.json",
    "harden": "hardening.json",
    "gate": "bench.json",
    "try": "program.json",
    "programs": "program.json",
}
SAMPLES = ("run", "gate")  # what measures samples
RUNS = ("try", "programs")  # what runs programs
BATCHES = (*SAMPLES, *RUNS)  # the driver measures several rounds in one run; of other work, one


def whole_of(asked: Any, document: Any) -> list[int]:
    """The rounds that a part has as a whole; `asked` is fleet.json. A round of checks or misuses is a run of its own,
    with the round's seed. Runs of a program have the seed of their first round."""
    if asked["work"] in SAMPLES:
        return whole(document, asked["rows"], asked["each"])
    number = int(document["seed"]) - int(asked["seed"])
    if asked["work"] in RUNS:
        count = int(document["rounds"])
        if count > int(asked["repetitions"]):
            raise ValueError(f"it has {count} rounds, and the fleet {asked['repetitions']}")
        return list(range(number, number + count))
    return [number] if document["complete"] and document["results"] else []


# What a file that was cut off or spoiled raises where it is read.
SPOILED = (OSError, *stored_file.SPOILED)
