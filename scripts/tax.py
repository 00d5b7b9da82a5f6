#!/usr/bin/python3
"""Counts what the interface costs: the same malloc and free, called in three ways.

  vtable      through pointers, as every cell calls an allocator
  linked      by name, in a program that is linked with the library
  preloaded   by name, in a program that knows nothing of the library (LD_PRELOAD)

A pair is malloc(64), a write, and free. The counts are instructions of 100,000 pairs, by callgrind, so they do not
depend on how busy the machine is. They say nothing of time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 100_000
WAYS = ("vtable", "linked", "preloaded")
SOURCE = """
#include <stdlib.h>
struct pair { void *(*malloc)(size_t); void (*free)(void *); };
static const struct pair table = {malloc, free};
const struct pair *volatile chosen = &table;
__attribute__((noinline)) void by_name(void) {
    for (int i = 0; i < PAIRS; i++) { char *p = malloc(64); *p = 1; free(p); }
}
__attribute__((noinline)) void by_vtable(void) {
    const struct pair *a = chosen;
    for (int i = 0; i < PAIRS; i++) { char *p = a->malloc(64); *p = 1; a->free(p); }
}
int main(int argc, char **argv) { (void)argv; if (argc > 1) by_vtable(); else by_name(); return 0; }
"""


class Failed(Exception):
    """What went wrong, and what would help, in a line."""


def run(*command: str, **environment: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **environment}
        )
    except FileNotFoundError as missing:
        raise Failed(f"there is no {missing.filename}; scripts/deps.sh test installs it") from None
    if done.returncode:
        raise Failed(f"{command[0]} failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout + done.stderr


def compiled(folder: Path, *libraries: str) -> str:
    source, program = folder / "tax.c", str(folder / ("linked" if libraries else "plain"))
    source.write_text(SOURCE)
    rpath = [f"-Wl,-rpath,{Path(library).parent}" for library in libraries]
    never = ["-fno-builtin-malloc", "-fno-builtin-free"]
    run("cc", "-O2", f"-DPAIRS={PAIRS}", *never, str(source), "-o", program, *libraries, *rpath)
    return program


def pairs(function: str, *program: str, **environment: str) -> float:
    """Instructions a pair."""
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    said = run(*tool, f"--toggle-collect={function}", *program, **environment)
    found = re.search(r"Collected : (\d+)", said)
    if not found:
        raise Failed("callgrind printed no count")
    return int(found[1]) / PAIRS


def tax(library: str, folder: Path) -> dict[str, float]:
    linked = compiled(folder, library)
    return {
        "vtable": pairs("by_vtable", linked, "v"),
        "linked": pairs("by_name", linked),
        "preloaded": pairs("by_name", compiled(folder), LD_PRELOAD=library),
    }


def library_of(cells: Path, allocator: str) -> str:
    described = json.loads(run(str(cells / allocator), "--describe"))
    library: str = described["object"]
    if not library:
        raise Failed(f"{allocator} has no library of its own")
    return library


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: scripts/tax.py gomalloc jemalloc",
    )
    parser.add_argument("allocators", nargs="+", help="names of cells")
    args = parser.parse_args()
    cells = ROOT / os.environ.get("B", "build") / "cell"
    print(f"{'instructions a pair':20}" + "".join(f"{way:>11}" for way in WAYS))
    for allocator in args.allocators:
        if not (cells / allocator).exists():
            raise Failed(f"there is no {cells / allocator}; build it with make")
        with tempfile.TemporaryDirectory(prefix="spanbench-tax-") as folder:
            counts = tax(library_of(cells, allocator), Path(folder))
        print(f"{allocator:20}" + "".join(f"{counts[way]:11.2f}" for way in WAYS), flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as problem:
        print(f"tax.py: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
