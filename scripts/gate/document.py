"""What a run of the gate leaves behind: its folder with gate.json and the files for CI systems."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import run_folder
import stored_file
from gate import report
from gate.findings import Finding, Refusal, exit_code, verdict
from gate.samples import Part

SCHEMA_VERSION = 1
FILE = "gate.json"
COPIES = ARMS, DESCRIBED = "arms", "described"  # of the libraries: in a run's folder, no results


@dataclasses.dataclass
class Result:
    """What is reported, whether it was measured now or before."""

    findings: list[Finding]
    numbers: list[dict[str, object]]
    parts: list[Part]
    facts: list[str]  # lines for people
    document: dict[str, Any]  # of gate.json, beside these


def plain(value: Any) -> Any:
    """For JSON, which has no infinity and no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def new_folder(parent: Path) -> Path:
    """<parent>/<UTC time>-<host>-gate"""
    try:
        return run_folder.make(parent, "gate", COPIES)
    except FileExistsError as problem:
        raise Refusal(f"{parent}: {problem.strerror}") from problem


def remove_if_nothing_was_measured(folder: Path) -> None:
    """A run that was refused at once has copies of the libraries and nothing else. Whatever other
    file there is, was measured or says why not."""
    if run_folder.is_worthless(folder, COPIES):
        remove(folder)


def remove_if_no_sample_is_there(folder: Path) -> None:
    """Of a run that a signal ended. Its logs explain nothing, and counts alone cannot be judged again."""
    if not any(folder.rglob("bench.json")):
        remove(folder)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    print(f"gate: nothing was measured, so {folder} is removed", file=sys.stderr)


def save(folder: Path, result: Result, options: argparse.Namespace, seconds: float) -> None:
    """gate.json and the files for CI systems. Done before a word of the verdict is said."""
    first = result.parts[0] if result.parts else None
    document = {
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict(result.findings),
        "exit_code": exit_code(result.findings, options.strict),
        "strict": options.strict,
        "tier": options.tier,
        **result.document,
        "seconds": round(seconds, 1),
        "machine": first.machine if first else {},
        "environment": first.environment if first else {},
        "parts": [
            {
                "name": p.name,
                "file": os.path.relpath(p.file, folder),
                "others_cpu_share": p.others_cpu_share,
            }
            for p in result.parts
        ],
        "facts": result.facts,
        "findings": [dataclasses.asdict(f) for f in result.findings],
        "comparisons": result.numbers,
    }
    text = json.dumps(plain(document), indent=1, allow_nan=False) + "\n"
    stored_file.write(folder / FILE, text.encode())
    stored_file.write(
        folder / "gate.md", report.markdown(result.findings, options.strict, result.facts).encode()
    )
    stored_file.write(folder / "gate.xml", report.xml(result.findings, options.strict))


def publish(folder: Path) -> None:
    """<parent>/latest-gate is the newest run that came to a verdict."""
    link = folder.parent / "latest-gate"
    new = folder.parent / f".latest-gate.{os.getpid()}"
    new.symlink_to(folder.name)
    new.rename(link)
