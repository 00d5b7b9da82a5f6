"""The commands that repeat a run, from what its results record. Pure, but for the names of the adapters."""

from __future__ import annotations

import re
import shlex
from typing import Any, Iterable

from bench_results import printable
from program import HOME
from programs_table import REFERENCE
from report.facts import Facts

ADAPTERS = {p.stem for p in (HOME / "allocators").glob("*.c")}
# In the path of a build that make rivals fetched; its name alone chooses it.
RIVALS = "/rivals/"
# Checks or misuses; of more, their families are named.
NAMED = 40
# Of the gate, without and with QUICK=1: what gate.json has as settings if nobody asked for others, by its option.
USUAL = (
    {"--first": 16, "--blocks": 240, "--budget": 480, "--margin": 1, "--target": 5},
    {"--first": 12, "--blocks": 60, "--budget": 60, "--margin": 1, "--target": 10},
)


def said(of: dict[str, Any]) -> list[str]:
    """As variables of make; what is empty is left out."""
    return [f"{k}={shlex.quote(printable(str(v)))}" for k, v in of.items() if v != ""]


def line(verb: str, of: dict[str, Any]) -> str:
    return " ".join([f"make {verb}", *said(of)])


def of_fleet(command: str) -> str:
    """The same on the nodes of a cluster."""
    verb = command.split(" ")[1] if command.startswith("make ") else ""
    works = {"bench": "", "bench-programs": " WORK=programs"}
    works |= {v: f" WORK={v}" for v in ("check", "harden", "gate", "try")}
    return (
        command.replace(f"make {verb}", f"make fleet{works[verb]}", 1) if verb in works else command
    )


def chosen(names: Iterable[str]) -> str:
    """Of checks or misuses, by name or by family."""
    once = list(dict.fromkeys(map(str, names)))
    if len(once) > NAMED:
        once = list(dict.fromkeys(f"{n.partition('.')[0]}.*" for n in once))
    return " ".join(once)


def listed(facts: Facts, names: list[str]) -> dict[str, str]:
    """Those of check and harden."""
    preloaded = {x.name: x.object for x in facts.libraries if x.note == "preloaded"}
    files = [f"{n}={preloaded[n]}" for n in names if n in preloaded]
    return {
        "ALLOCATORS": " ".join(n for n in names if n not in preloaded) or REFERENCE,
        "PRELOAD": " ".join(files),
    }


def rows_of(rows: list[Any]) -> tuple[list[str], list[str], list[str]]:
    """Those of spanbench try: the allocators, the files that were preloaded, and rows with options of their own."""
    allocators, preloads, own = [], [], []
    for row in rows:
        name, (base, _, options) = row["name"], row["name"].partition(":")
        if row.get("against") or row.get("absent"):
            continue
        if options and ("=" not in options or re.search(r"[\s,]", name) or base not in ADAPTERS):
            own.append(f"{base}:{' '.join(row.get('variables') or [options])}")
        elif not row["library"] or base in ADAPTERS or RIVALS in row["library"]:
            allocators.append(name)
        else:
            preloads.append(f"{name}={row['library']}")
    return allocators, preloads, own


def trial(document: Any) -> str:
    """Of make try; of the driver, where make could not say it."""
    p, rows = document["program"], document["rows"]
    allocators, preloads, own = rows_of(rows)
    words: list[str] = []
    for key, option in (
        ("directory", "--cwd"), ("input", "--input"), ("prepare", "--prepare"), ("metric", "--metric"), ("limit_bytes", "--limit"), ("against", "--against"),
        ("server", "--server"), ("ready", "--ready"), ("load", "--load"), ("traffic", "--traffic"),
    ):  # fmt: skip
        words += [option, str(p[key])] if p.get(key) is not None else []
    for key in ("higher_is_better", "same_output", "any_output"):
        words += [f"--{key.replace('_', '-')}"] if p.get(key) else []
    words += ["--exit-code", str(p["exit_code"])] if p.get("exit_code") else []
    for command in p.get("then") or []:
        words += ["--then", command]
    for variable, value in (p.get("variables") or {}).items():
        words += ["--env", f"{variable}={value}"]
    if p.get("server") and p.get("after_seconds"):
        words += ["--after", ",".join(f"{s:g}" for s in p["after_seconds"])]
    if any(row.get("smallest_limit") for row in rows):
        words.append("--smallest-limit")
    its = {"RUNS": document["rounds"], "SEED": document["seed"]}
    if not words and not own and not any(map(re.compile(r"\s").search, preloads)) and p["shell"]:
        first = {
            "CMD": p["argv"][-1],
            "ALLOCATORS": " ".join(allocators) or REFERENCE,
            "PRELOAD": " ".join(preloads),
        }
        return line("try", {**first, **its})
    words = ["--allocators", " ".join(allocators) or REFERENCE, *words]
    for option, values in (("--preload", preloads), ("--row", own)):
        words += [w for value in values for w in (option, value)]
    words += [w for k, v in its.items() for w in (f"--{k.lower()}", str(v))]
    if not p.get("server"):
        words += ["--shell"] * bool(p["shell"]) + ["--", *p["argv"]]
    return printable(shlex.join(["build/spanbench", "try", *words]))


def programs(documents: dict[str, Any], own: str) -> str:
    """Of make bench-programs. `own`: the row that a program has by its file in the catalogue."""
    of = list(documents.values())
    rows = {r["name"]: r for d in of for r in d["rows"] if r["name"] != own}
    allocators, preloads, more = rows_of(list(rows.values()))
    folder = str(of[0]["program"].get("directory") or "")
    return line(
        "bench-programs",
        {
            "QUICK": 1 if folder.endswith("-quick") else "",
            "PROGRAMS": " ".join(documents),
            "ALLOCATORS": " ".join(allocators) or REFERENCE,
            "PRELOAD": " ".join(preloads),
            "RUNS": int(of[0]["rounds"]),
            "SEED": int(of[0]["seed"]),
            "ARGS": " ".join(f"--row={x}" for x in more if not re.search(r"\s", x)),
        },
    )


def rows_of_the_gate(document: Any) -> dict[str, str]:
    """Empty: those that it chooses itself."""
    split = [
        [r.rpartition("/threads:")[::2] for r in document.get(k) or []] for k in ("rows", "counted")
    ]
    timed, counted = ([] if document.get("tier") == "exact" else split[0]), split[1]
    names = list(dict.fromkeys(w for w, _ in timed or counted))
    threads = list(dict.fromkeys(t for _, t in timed))
    uncounted = set(names) - {w for w, _ in counted}
    named = len(timed) in (0, len(names) * len(threads)) and {w for w, _ in counted} <= set(names)
    if counted and any(w in uncounted and t == "1" for w, t in timed):
        named = False
    return {"WORKLOADS": " ".join(names), "THREADS": " ".join(threads)} if named else {}


def gate(document: Any) -> str:
    arms = {k.upper(): str(document[k].get("again") or "") for k in ("base", "head")}
    s, quick = document.get("settings") or {}, bool(document["quick"])
    had = {
        "--first": s.get("first"),
        "--blocks": (s.get("looks") or [None])[-1],
        "--budget": s.get("budget_seconds"),
    }
    had |= {f"--{k}": 100 * s[k] for k in ("margin", "target") if k in s}
    other = [
        f"{k}={v:g}" for k, v in had.items() if v is not None and f"{v:g}" != f"{USUAL[quick][k]:g}"
    ]
    tier = document.get("tier", "all")
    its = {
        **arms,
        "SEED": document["seed"],
        "QUICK": 1 if quick else "",
        "TIER": "" if tier == "all" else tier,
    }
    its |= {
        **rows_of_the_gate(document),
        "ARGS": " ".join(other + ["--strict"] * bool(document["strict"])),
    }
    made = line("gate", its)
    return of_fleet(made) if document.get("fleet") else made
