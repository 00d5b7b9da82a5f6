"""The smallest memory under which a program still ends well (`spanbench try --smallest-limit`), in words."""

from __future__ import annotations

from typing import Any

from verdicts.try_results import Results, Row
from verdicts.try_words import joined, mebibytes


def limit_of(row: Row) -> Any:
    """What was found; a row without a result has nothing to say."""
    return row.limit if row.good else None


def shown(row: Row) -> str:
    """In a table."""
    limit = limit_of(row)
    return mebibytes(limit["bytes"]) if limit and limit["bytes"] is not None else "-"


def ties(rows: list[Row]) -> list[list[Row]]:
    """Rows from the smallest limit up. Two are equal if the bytes between the largest limit that was too
    small and the smallest that was enough are in part the same."""
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda r: int(limit_of(r)["bytes"])):
        first = groups[-1][0] if groups else None
        if first and (limit_of(row)["too_small_bytes"] or 0) < limit_of(first)["bytes"]:
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
    return f"{joined(r.name for r in group)} {size} (equal within the resolution)"


def remarks(row: Row) -> list[str]:
    limit = limit_of(row)
    said = []
    if limit["bytes"] is None:
        most = max((t["bytes"] for t in limit["tries"]), default=0)
        return [f"{row.name}: not even {mebibytes(most)} are enough: {limit['problem']}."]
    if limit["by_chance"]:
        said.append(
            f"{row.name}: a little below {mebibytes(limit['bytes'])}, chance decides whether it ends well."
        )
    if limit["also_enough_bytes"] is not None:
        said.append(
            f"{row.name}: {mebibytes(limit['also_enough_bytes'])} are enough, too, although "
            f"{mebibytes(limit['too_small_bytes'])} are not; more memory does not always help it."
        )
    if limit["also_too_small_bytes"] is not None:
        said.append(
            f"{row.name}: {mebibytes(limit['also_too_small_bytes'])} were not enough, although "
            f"{mebibytes(limit['bytes'])} were; leave room above the limit."
        )
    return said


def words(results: Results) -> list[str]:
    """A sentence for all, and one for each oddity."""
    tried = [r for r in results.rows if limit_of(r)]
    if not tried:
        return []
    groups = ties([r for r in tried if limit_of(r)["bytes"] is not None])
    kind = "smallest container"
    if results.document["program"]["limited_by"] != "cgroup":
        kind = "smallest limit of each process's private memory (no control group can be made here)"
    said = [f"{kind}: {'; '.join(map(group_words, groups))}."] if groups else []
    for row in tried:
        said += remarks(row)
    if any(not limit_of(r)["output_compared"] for r in tried):
        said.append(
            "The program does not print the same each time, so limits were judged by its exit code alone."
        )
    return said
