"""Where and how a run was made: the machine, each library, and the commands that repeat it. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from bench_results import member, printable, text
from programs_table import REFERENCE, linked_with

MACHINE = {
    "cpu": "CPU",
    "cpus_usable": "CPUs that the run could use",
    "cpus_online": "CPUs online",
    "cpu_governor": "CPU governor",
    "memory_bytes": "memory, bytes",
    "page_size_bytes": "page size, bytes",
    "kernel": "kernel",
    "architecture": "architecture",
    "transparent_hugepage": "transparent huge pages",
    "overcommit_memory": "vm.overcommit_memory",
    "max_map_count": "vm.max_map_count",
    "address_randomization": "address randomisation",
    "libc": "C library",
    "compiler": "compiler",
}


@dataclass(frozen=True)
class Library:
    name: str
    version: str
    object: str
    note: str  # the floor, preloaded, or why it is absent


@dataclass(frozen=True)
class Facts:
    machine: list[tuple[str, str]]
    run: list[tuple[str, str]]
    libraries: list[Library]
    summaries: dict[str, str]  # of workloads
    own: dict[str, Any]  # context.spanbench, for the commands


def plain(value: Any) -> str:
    """Of a JSON value, in one line; null is not known."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))


def library(of: Any, where: str) -> Library:
    absent = text(of, where, "skipped", "") or text(of, where, "broken", "")
    note = f"not measured: {absent}" if absent else ""
    if member(of, where, "floor", bool, False):
        note = "the harness alone, not an allocator"
    elif member(of, where, "preload", bool, False):
        note = "preloaded"
    return Library(
        text(of, where, "name"),
        plain(of.get("version")) if of.get("version") else "not told",
        text(of, where, "object", "not told"),
        note,
    )


def library_of_row(row: Any) -> dict[str, Any]:
    """A row of `spanbench try`, as the other commands list an allocator."""
    if row["cause"] is not None:
        return {"name": row["name"], "skipped": row["cause"]}
    served = linked_with([{**row, "name": REFERENCE}]) if row["library"] is None else ""
    own = f"the program's own, {served}" if served else "the program's own"
    return {"name": row["name"], "object": row["library"] or own}


def facts_of(own: dict[str, Any], context: Any) -> Facts:
    """Of context.spanbench (a bench run) or of the whole document (a check or harden run). Older files lack
    some of it. Raises ValueError where a member is of another kind than it should be."""
    where = "context.spanbench"
    machine = member(own, where, "machine", dict, {})
    told = [(said, plain(machine[key])) for key, said in MACHINE.items() if key in machine]
    run = [("version of spanbench", text(own, where, "version", "not known"))]
    run.append(("started", text(own, where, "started", "not known")))
    run.append(("host", text(context, "context", "host_name", "not known")))
    for key, said in (("seed", "seed"), ("repetitions", "rounds"), ("order", "order of a round")):
        if own.get(key) is not None:
            run.append((said, plain(own[key])))
    environment = member(own, where, "environment", dict, {})
    for key in sorted(environment):
        run.append((f"environment: {printable(str(key))}", plain(environment[key])))
    listed = member(own, where, "allocators", list, [])
    libraries = [library(a, f"{where}.allocators[{i}]") for i, a in enumerate(listed)]
    loads = member(own, where, "workloads", list, [])
    summaries = {
        text(w, f"{where}.workloads", "name"): text(w, f"{where}.workloads", "summary", "")
        for w in loads
    }
    return Facts(told, run, libraries, summaries, own)


def command(facts: Facts, allocators: list[str], workloads: list[str], threads: list[int]) -> str:
    """What a shell takes. It measures these rows again, in the same order of rounds and with the same requests."""
    own = facts.own
    preloads = {x.name: x.object for x in facts.libraries if x.note == "preloaded"}
    mine = [a for a in allocators if a not in preloads]
    said = ["make bench"]

    def add(name: str, value: object) -> None:
        said.append(f"{name}={shlex.quote(str(value))}")

    if own.get("quick") is True:
        add("QUICK", 1)
    if mine:
        add("ALLOCATORS", " ".join(mine))
    loaded = [f"{a}={preloads[a]}" for a in allocators if a in preloads]
    if loaded:
        add("PRELOAD", " ".join(loaded))
    add("WORKLOADS", " ".join(workloads))
    add("THREADS", " ".join(map(str, threads)))
    for key, name in (("repetitions", "REPS"), ("seed", "SEED")):
        if isinstance(own.get(key), int):
            add(name, own[key])
    sizes = own.get("sizes")
    if isinstance(sizes, dict) and isinstance(sizes.get("given"), str):
        add("SIZES", printable(sizes["given"]))
    if isinstance(own.get("long_rest_seconds"), int):
        add("LONG_REST", own["long_rest_seconds"])
    return " ".join(said)
