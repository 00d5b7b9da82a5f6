"""Parts of checks, misuses or programs become one for each class of machines. It is the file that one run of the driver
stores: conformance.json, hardening.json or program.json; of the catalogue, one for each program. And nodes.json says who ran
what. The joining is pure."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Collection, Sequence

import bench_results
from fleet import tries
from fleet.collect import Asked, Collected, fresh, instead
from fleet.machines import Class, Classes, Node
from fleet.parts import Part, chosen, read
from fleet.rounds import FILES, RUNS, SPOILED, described, whole_of
from fleet.task import save

Results = dict[tuple[str, ...], dict[str, Any]]


def keyed(document: Any, *names: str) -> Results:
    return {tuple(str(r[name]) for name in names): r for r in document["results"]}


def join_checks(documents: Sequence[Any]) -> tuple[Any, list[str]]:
    """All checks, made once for each document with seeds of their own: a finding in one is a finding. Also, which
    verdicts are not the same in all."""
    joined, differ = dict(documents[0]), []
    results = keyed(joined, "allocator", "check")
    verdict = {key: r["verdict"] for key, r in results.items()}  # of the first
    for of in documents[1:]:
        for key, result in keyed(of, "allocator", "check").items():
            first = results.setdefault(key, result)
            if verdict.setdefault(key, result["verdict"]) != result["verdict"]:
                seeds = f"{verdict[key]}, but {result['verdict']} with seed {of['seed']}"
                differ.append(f"{key[1]} of {key[0]}: {seeds}")
            if result["finding"] and not first["finding"]:
                results[key] = result
    joined["results"] = list(results.values())
    return joined, differ


def join_misuses(documents: Sequence[Any]) -> tuple[Any, list[str]]:
    """One run of each misuse for each document: rates of all of them."""
    joined = {**documents[0], "runs": sum(d["runs"] for d in documents)}
    results: Results = {}
    for of in documents:
        for key, result in keyed(of, "allocator", "misuse", "size").items():
            if key not in results:
                results[key] = {
                    **result,
                    "outcomes": dict(result["outcomes"]),
                    "runs": list(result["runs"]),
                }
                continue
            results[key]["runs"] += result["runs"]
            for outcome, times in result["outcomes"].items():
                outcomes = results[key]["outcomes"]
                outcomes[outcome] = outcomes.get(outcome, 0) + times
    joined["results"] = list(results.values())
    return joined, []


JOIN = {"check": join_checks, "harden": join_misuses, "try": tries.join}


# What is joined of a result of each kind of work.
OF_RESULT: dict[str, dict[str, type]] = {
    "check": {"allocator": str, "check": str, "verdict": str, "finding": bool},
    "harden": {"allocator": str, "misuse": str, "outcomes": dict, "runs": list},
}
# The member that lists what is tried of each allocator, and what a result calls it.
TRIED = {"check": ("checks", "check"), "harden": ("misuses", "misuse")}


def check(fleet: Any, document: Any, wanted: Collection[int]) -> None:
    """These rounds are there as a whole, with what is joined of them. Raises what SPOILED has."""
    missing = set(wanted) - set(whole_of(fleet, document))
    if missing:
        raise ValueError(f"rounds {described(missing)} are not whole, though its task said so")
    if fleet["work"] in RUNS:
        first = int(document["seed"]) - int(fleet["seed"])
        check_runs(document, {n - first for n in wanted})
    else:
        check_results(fleet["work"], document)


def check_runs(document: Any, wanted: Collection[int]) -> None:
    """Each row has a run in each of these rounds, and none has two."""
    member = bench_results.member
    rows = {}
    for row in member(document, "it", "rows", list):
        member(row, "a row", "absent", bool)
        rows[member(row, "a row", "name", str)] = row["cause"]
    found = [(r["row"], r["round"]) for r in document["runs"] if r["round"] in wanted]
    expected = {(name, n) for name, cause in rows.items() if cause is None for n in wanted}
    strangers = {row for row, _ in found} - rows.keys()
    if strangers or expected - set(found) or len(found) > len(set(found)):
        raise ValueError("its rounds have not one run of each row")


def check_results(work: str, document: Any) -> None:
    """Each allocator that is there has one result of all that is tried. Of a misuse, that is one run."""
    member = bench_results.member
    for result in member(document, "it", "results", list):
        for name, kind in OF_RESULT[work].items():
            member(result, "a result", name, kind)
    listed, own = TRIED[work]
    tried = {entry["name"] for entry in member(document, "it", listed, list)}
    there = {a["name"] for a in document["allocators"] if "object" in a and not a["floor"]}
    results = keyed(document, "allocator", own, *["size"] * (work == "harden"))
    wanted = {(allocator, name) for allocator in there for name in tried}
    if len(results) < len(document["results"]) or {key[:2] for key in results} != wanted:
        raise ValueError(f"it has not one result of each of its {listed}")
    if work == "harden":
        runs = [document["runs"]]
        for result in document["results"]:
            runs += [len(result["runs"]), sum(result["outcomes"].values())]
        if set(runs) != {1}:
            raise ValueError("it has not one run of each misuse")


def failures(work: str, joined: Any) -> int:
    """Findings; of misuses, void runs; of a program, rows without a result, if the allocator is there."""
    if work in RUNS:
        return sum(r["cause"] is not None and not r["absent"] for r in joined["rows"])
    if work == "harden":
        return sum(r["outcomes"].get("void", 0) for r in joined["results"])
    return sum(bool(r["finding"]) for r in joined["results"])


def collect(
    folder: Path,
    parts: list[Part],
    fleet: Any,
    asked: Asked,
    show: Callable[[int, int], None],
) -> Collected:
    """As of samples (collect.py). `fleet` is fleet.json."""
    work, seed = str(fleet["work"]), int(fleet["seed"])
    made = Collected(Classes(), [p.note for p in parts if p.note])
    documents: dict[
        str, dict[int, list[Any]]
    ] = {}  # of each class, by the program of the catalogue
    curves: dict[str, Path] = {}
    usable = list(parts)
    count = chosen(usable, asked.repetitions)
    for done, (part, wanted) in enumerate(count):  # which may grow
        show(done, len(count))
        assert part.file
        try:
            document = read(part.file)
            check(fleet, document, wanted)
            if work in RUNS:
                first = int(document["seed"]) - seed
                document = tries.only(document, first, wanted, part.node)
            made.compare(part, {k: document.get(k) for k in ("version", "environment")})
            of = made.classes.get(document["machine"])
            program = wanted[0] // fleet["section"] if work == "programs" else 0
            documents.setdefault(of.name, {}).setdefault(program, []).append(document)
        except SPOILED as problem:
            said = bench_results.printable(str(problem))
            made.problems.append(f"{part.file} of {part.node} is not used: {said}")
            made.unusable.append(part)
            usable.remove(part)
            count += instead(usable, wanted, asked.repetitions)
            continue
        of.nodes.setdefault(part.node, Node(document["machine"])).rounds += len(wanted)
        of.rounds.update(wanted)
        if 0 in wanted:
            curves[of.name] = part.file.with_name(tries.CURVES)
    with fresh(folder, made) as new:
        for of in made.classes:
            store(new / of.name, of, documents[of.name], fleet, made)
            if work == "try" and of.name in curves and curves[of.name].exists():
                shutil.copyfile(curves[of.name], new / of.name / tries.CURVES)
    return made


def store(
    folder: Path, of: Class, documents: dict[int, list[Any]], fleet: Any, made: Collected
) -> None:
    """What the parts of a class say together. `documents`: by the program of the catalogue."""
    folder.mkdir()
    work = str(fleet["work"])
    for program, its in sorted(documents.items()):
        name = FILES[work]
        if work == "programs":
            name = f"{fleet['programs'][program]['name']}.json"
            joined = tries.join_of_catalogue(its, program * fleet["section"], int(fleet["seed"]))
        else:
            joined, differ = JOIN[work](its)
            made.problems += [f"{of.name}: {x}" for x in differ]
        made.samples += len(joined["runs" if work in RUNS else "results"])
        made.failed += failures(work, joined)
        save(folder / name, joined)
    nodes = {n: {"rounds": x.rounds, "machine": x.machine} for n, x in of.nodes.items()}
    save(folder / "nodes.json", nodes)
