"""A whole run of the gate's program, for what tries the gate itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from gate.base_and_head import ROOT
from gate.findings import PASS, REGRESSION

PROGRAM = ROOT / "scripts" / "gate"


def run(base: Path, head: Path, build: Path, directory: Path, *more: str) -> tuple[int, Any]:
    """Its exit code, and its document if it came to a verdict. Nothing is accepted, and what CI
    systems show is not written: these are not anybody's changes."""
    out, accepted = directory / "runs", directory / "accepted.json"
    shutil.rmtree(out, ignore_errors=True)
    accepted.write_text("[]\n", encoding="utf-8")
    command = [sys.executable, "-B", str(PROGRAM), "--base", str(base), "--head", str(head)]
    command += [
        "--driver",
        str(build / "spanbench"),
        "--out",
        str(out),
        "--accepted",
        str(accepted),
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    with subprocess.Popen(
        [*command, *more], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment
    ) as gate:
        try:
            code = gate.wait()
        except BaseException:
            gate.terminate()  # it ends its own children
            gate.wait()
            raise
    if code not in (PASS, REGRESSION):
        return code, None
    return code, json.loads((out / "latest-gate" / "gate.json").read_text(encoding="utf-8"))
