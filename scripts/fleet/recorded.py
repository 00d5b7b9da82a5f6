#!/usr/bin/python3
"""A campaign of the local gate, kept with its samples: scripts/fleet/recorded/. Tests split it over nodes.

usage: recorded.py FOLDER WORDS… >recorded/NAME.json      FOLDER of a run of the gate; WORDS: how it was made

In a fleet, the second stage has all rounds of all rows. So the run asks for a precision that no row reaches, such as
--target=1.1, and is judged here as a quick gate that looks once. Samples are as the driver gave them, without what no
verdict depends on. That those of a look made the same requests, rejudge has checked.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a file, it is of a package

from gate import judge, rejudge
from gate.document import FILE
from gate.judge import QUICK, Settings
from gate.samples import ARMS, COUNTERS, OPTIONAL_COUNTERS, Sample
from program import WRONG_USE, run

FOLDER = Path(__file__).resolve().parent / "recorded"
VALUES = (*COUNTERS, *OPTIONAL_COUNTERS)
SHOWN = ("row", "metric", "verdict", "base", "head", "change", "low", "high", "margin", "smallest")


@dataclass
class Recorded:
    rows: list[str]
    settings: Settings  # with one look of the second stage
    seed: int
    stages: tuple[
        list[Sample], list[Sample]
    ]  # the number of a block is that of its round in the stage
    local: list[dict[str, Any]]  # what the judge found then, on one node: the members of SHOWN


def number_of(value: Any) -> Any:
    """Bytes are whole."""
    return int(value) if value is not None and value == int(value) else value


def to_document(folder: Path, how: str) -> dict[str, Any]:
    again = rejudge.rejudge(folder / FILE)
    rows, parts = again.done.rows, again.done.parts
    lines, before = [], 0
    for number, part in enumerate(parts):
        before = before if number > 1 else 0
        for s in part.samples:
            of = [min(number, 1), rows.index(s.row), before + s.block[1], ARMS.index(s.arm)]
            lines.append([*of, *(number_of(s.values.get(name)) for name in VALUES)])
        before += 1 + max(s.block[1] for s in part.samples)
    settings = dataclasses.replace(again.done.settings, target=QUICK.target, looks=(before,))
    done = again.done
    found, _ = judge.findings(done.first, done.second, rows, done.failed, settings, lambda row: "")
    return {
        "how": how,
        "machine": {k: parts[0].machine[k] for k in ("cpu", "cpus_usable", "kernel", "libc")},
        "seed": again.done.seed,
        "settings": dataclasses.asdict(settings),
        "local": [{k: f[k] for k in SHOWN} for f in map(dataclasses.asdict, found)],
        "rows": rows,
        "columns": ["stage", "row", "round", "arm", *VALUES],
        "samples": lines,
    }


def load(file: Path) -> Recorded:
    made = json.loads(file.read_text())
    stages: tuple[list[Sample], list[Sample]] = ([], [])
    for stage, row, number, arm, *values in made["samples"]:
        known = {name: v for name, v in zip(VALUES, values) if v is not None}
        stages[stage].append(Sample(made["rows"][row], ARMS[arm], ("", number), known, "same"))
    return Recorded(made["rows"], rejudge.settings_of(made), made["seed"], stages, made["local"])


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return WRONG_USE
    document = to_document(Path(sys.argv[1]), " ".join(sys.argv[2:]))
    samples = document.pop("samples")
    head = json.dumps(document, indent=1)[:-2]
    lines = ",\n".join(json.dumps(line, separators=(",", ":")) for line in samples)
    print(f'{head},\n "samples": [\n{lines}\n]\n}}')
    return 0


if __name__ == "__main__":
    run(main)
