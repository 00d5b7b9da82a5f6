"""The table of a run (table.py) for other programs and for documents: Markdown, CSV, JSON. Pure.

CSV and JSON have a record for each workload, number of threads and allocator. It has medians with the ends of their spread
(quartiles, or the whole range below five samples), and no rounding beyond nine digits. A number that is not there is
empty in CSV and null in JSON. A row that failed has its cause.
"""

from __future__ import annotations

import csv
import html
import io
import json
from typing import Any, Callable

import table
from bench_results import Results, Row

KEYS = {
    "ns/op": "ns_per_op",
    "Mop/s": "million_ops_per_second",
    "start": "start_mib",
    "RSS": "rss_mib",
    "slack": "slack_mib",
    "kept": "kept_mib",
    "VSZ": "vsz_mib",
    "freed": "freed_mib",
    "purged": "purged_mib",
}
Record = dict[str, Any]


def rounded(value: float) -> float:
    return float(f"{value:.9g}")


def record(row: Row) -> Record:
    made: Record = {
        "workload": row.workload,
        "threads": row.threads,
        "allocator": row.allocator,
        "floor": row.floor,
        "samples": len(row.samples),
        "failed_samples": len(row.failures),
        "causes": table.causes(row),
        "spread": "quartiles" if row.quartiles else "range",
    }
    for column in table.COLUMNS:
        if column.title in KEYS and column.spread:
            found = column.spread(row) if row.samples else None
            key = KEYS[column.title]
            ends = (found.median, found.low, found.high) if found else (None, None, None)
            for name, value in zip((key, f"{key}_low", f"{key}_high"), ends):
                made[name] = None if value is None else rounded(value)
    return made


def groups(run: Results) -> list[list[Row]]:
    """Of each workload and number of threads, in the order of the table."""
    found = [
        sorted(run.select(w, t), key=table.order) for w in run.workloads for t in run.thread_counts
    ]
    return [rows for rows in found if rows]


def records(run: Results) -> list[Record]:
    return [record(row) for rows in groups(run) for row in rows]


def as_json(run: Results) -> str:
    document = {"title": run.title, "caveats": run.caveats, "rows": records(run)}
    return json.dumps(document, indent=1, allow_nan=False)


def as_csv(run: Results) -> str:
    """As RFC 4180 has it, but for the ends of lines."""
    listed = records(run)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    for one in listed:
        writer.writerow({k: int(v) if isinstance(v, bool) else v for k, v in one.items()})
    return text.getvalue().removesuffix("\n")


def plain(text: str) -> str:
    """In Markdown, as it stands."""
    return (
        html.escape(text, quote=False).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    )


def markdown_group(run: Results, rows: list[Row]) -> list[str]:
    good = [r for r in rows if r.samples]
    columns = table.columns_of(good)
    lines = ["", f"**{plain(table.head(run, good, rows[0].workload, rows[0].threads))}**", ""]
    titles = [c.title + ", MiB" * c.memory for c in columns]
    if good:
        lines.append("| allocator | " + " | ".join(map(plain, titles)) + " |")
        lines.append("|---|" + "---:|" * len(columns))
    bold = [table.best(c, good) for c in columns]
    for row in good:
        cells = [
            f"**{text}**" if row.allocator in best else text
            for c, best in zip(columns, bold)
            for text in [c.text(row) or "-"]
        ]
        lines.append(f"| {plain(row.label)} | " + " | ".join(cells) + " |")
    failed = [r for r in rows if r.failures]
    if failed:
        lines.append("")
    for row in failed:
        total = len(row.failures) + len(row.samples)
        said = f"{row.label}: {len(row.failures)} of {total} samples FAILED: {table.causes(row)}"
        lines.append(f"- {plain(said)}")
    return lines


def as_markdown(run: Results) -> str:
    lines = [plain(run.title), *(f"\n{plain(c)}" for c in run.caveats)]
    for rows in groups(run):
        lines += markdown_group(run, rows)
    lines += [
        "",
        f"Medians. Bold is the best of a column, and all whose {run.spread_name} overlap its.",
    ]
    return "\n".join(lines)


FORMATS: dict[str, Callable[[Results], str]] = {
    "markdown": as_markdown,
    "csv": as_csv,
    "json": as_json,
}
