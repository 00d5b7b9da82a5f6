"""allocators/known-failures.json: the failures of released allocators, and which of them a version has. Pure,
but for reading the file."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Optional

FILE = Path(__file__).resolve().parent.parent / "allocators" / "known-failures.json"


def read(file: Path = FILE) -> list[Any]:
    entries: list[Any] = json.loads(file.read_text())["failures"]
    return entries


def ordered(version: str) -> list[int]:
    """To compare versions by: "gperftools 2.10" comes after 2.9."""
    return [int(number) for number in re.findall(r"\d+", version)]


def is_of(entry: Any, object_file: str, version: Optional[str]) -> bool:
    """Is the entry of this file, and of this version of it?"""
    own = ordered(version or "")
    in_range = own >= ordered(entry["since"])
    if "before" in entry:
        in_range = in_range and own < ordered(entry["before"])
    return in_range and fnmatchcase(object_file, entry["object"])


def explains(entry: Any, check: str, seen: str) -> bool:
    return bool(entry["check"] == check and entry["seen"] in seen)
