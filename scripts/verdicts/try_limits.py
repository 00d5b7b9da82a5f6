"""The smallest memory under which a program still ends well (`spanbench try --smallest-limit`), in words."""

from __future__ import annotations

import statistics
from typing import Any

from verdicts.try_results import MEMORY, Results, Row
from verdicts.try_words import joined, mebibytes


def limit_of(row: Row) -> Any:
    """What was found; a row without a result has nothing to say."""
    return row.limit if row.good else None


def shown(row: Row) -> str:
    """In a table."""
    limit = limit_of(row)
    return mebibytes(limit["bytes"]) if limit and limit["bytes"] is not None else "-"


def reach(row: Row) -> int:
    """What is certainly too small, or, where a smaller limit was enough in some run, that."""
    limit = limit_of(row)
    good = min([limit["bytes"], *(t["bytes"] for t in limit["tries"] if t["problem"] is None)])
    return int(min(good, limit["too_small_bytes"] or 0))


def ties(rows: list[Row]) -> list[list[Row]]:
    """Rows from the smallest limit up. Two are equal if the bytes between what was too small and
    what was surely enough are in part the same."""
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda r: int(limit_of(r)["bytes"])):
        first = groups[-1][0] if groups else None
        if first and reach(row) < limit_of(first)["bytes"]:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def group_words(group: list[Row]) -> str:
    sizes = [int(limit_of(r)["bytes"]) for r in group]
    if len(group) == 1:
        return f"{group[0].name} {mebibytes(sizes[0])}"
    size = mebibytes(sizes[0])
    if mebibytes(sizes[-1]) != size:
        size += f" to {mebibytes(sizes[-1])}"
    within = "chance" if any(limit_of(r)["by_chance"] for r in group) else "the resolution"
    return f"{joined(r.name for r in group)} {size} (equal within {within})"


def remarks(row: Row) -> list[str]:
    limit = limit_of(row)
    said = []
    if limit["bytes"] is None:
        most = max((t["bytes"] for t in limit["tries"]), default=0)
        return [f"{row.name}: not even {mebibytes(most)} are enough: {limit['problem']}."]
    if limit["by_chance"]:
        least = reach(row)
        where = f"a little below {mebibytes(limit['bytes'])}"
        if least < (limit["too_small_bytes"] or 0):
            where = f"between {mebibytes(least)} and {mebibytes(limit['bytes'])}"
        said.append(f"{row.name}: {where}, chance decides whether it ends well.")
    if limit["also_enough_bytes"] is not None:
        said.append(
            f"{row.name}: {mebibytes(limit['also_enough_bytes'])} are enough, too, although "
            f"{mebibytes(limit['too_small_bytes'])} are not, in each of three runs; more memory does not "
            "always help it."
        )
    if limit["also_too_small_bytes"] is not None:
        said.append(
            f"{row.name}: {mebibytes(limit['also_too_small_bytes'])} were not enough, although "
            f"{mebibytes(limit['bytes'])} were; leave room above the limit."
        )
    return said


def against_peaks(results: Results, rows: list[Row]) -> list[str]:
    """Why a limit is not the peak memory that the table shows beside it."""
    of_group = results.document["program"]["limited_by"] == "cgroup"
    limits = {r.name: limit_of(r)["bytes"] for r in rows}
    peaks = {r.name: statistics.median(p) for r in rows if (p := r.values[MEMORY.name].values())}
    more = [name for name, peak in peaks.items() if limits[name] > peak]
    less = [name for name, peak in peaks.items() if limits[name] < peak]
    kept = "page tables and other memory of the kernel" if of_group else "pages that nobody touched"
    said = []
    if more:
        said.append(
            f"Limits above the peak memory, of {joined(more)}: {kept} count, too, and a limit is known to "
            "2 % or 1 MiB. Size by the limit."
        )
    if less:
        said.append(
            f"Limits below the peak memory, of {joined(less)}: pages of files that others have read "
            "do not count."
        )
    return said


def of_fixed(results: Results) -> list[str]:
    """Names the rows that passed --limit with a peak above it, and says why they could."""
    limit = results.document["program"].get("limit_bytes")
    above = [
        f"{row.name} {mebibytes(peak)}"
        for row in results.good
        if limit
        and row.values[MEMORY.name]
        and (peak := statistics.median(row.values[MEMORY.name].values())) > limit
    ]
    if not above:
        return []
    return [
        f"Peak memory above the limit of {mebibytes(limit)}: {'; '.join(above)}. Pages of files that others "
        "have read do not count against a limit."
    ]


def words(results: Results) -> list[str]:
    """A sentence for all, and one for each oddity."""
    tried = [r for r in results.rows if limit_of(r)]
    if not tried:
        return of_fixed(results)
    found = [r for r in tried if limit_of(r)["bytes"] is not None]
    groups = ties(found)
    kind = "smallest container"
    if results.document["program"]["limited_by"] != "cgroup":
        kind = "smallest limit of each process's private memory (no control group can be made here)"
    said = [f"{kind}: {'; '.join(map(group_words, groups))}."] if groups else []
    for row in tried:
        said += remarks(row)
    said += against_peaks(results, found)
    if any(not limit_of(r)["output_compared"] for r in tried):
        said.append(
            "The program does not print the same each time, so limits were judged by its exit code alone."
        )
    return said
