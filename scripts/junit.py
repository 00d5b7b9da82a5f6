#!/usr/bin/python3
"""JUnit XML, which CI systems show, and the program that writes that of a conformance run:
conformance.xml beside conformance.json. `make check` calls it; after build/spanbench check, call it with
the directory of the run.

Exit code 0: it is written, 2: wrong use, or the run has no conformance.json that can be read.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also where Python does not add it

import bench_results
import program
import stored_file

READ, WRITTEN = "conformance.json", "conformance.xml"
# XML 1.0 cannot hold these, not even escaped.
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
OUTCOMES = {"failure": "failures", "error": "errors", "skipped": "skipped"}


@dataclass(frozen=True)
class Case:
    """One test. Without an outcome it is good; `text` then is its output."""

    classname: str
    name: str
    outcome: str = ""  # or one of OUTCOMES
    message: str = ""
    text: str = ""
    kind: str = ""  # of a failure
    seconds: Optional[float] = None


def printable(word: str) -> str:
    """What XML can hold of it."""
    return NO_XML.sub("?", word)


def element(tag: str, /, **attributes: str) -> ElementTree.Element:
    """Attributes that are empty are left out."""
    return ElementTree.Element(tag, {k: printable(v) for k, v in attributes.items() if v})


def case_element(case: Case) -> ElementTree.Element:
    time = {} if case.seconds is None else {"time": f"{case.seconds:.3f}"}
    made = element("testcase", classname=case.classname, name=case.name, **time)
    if case.outcome:
        inner = element(case.outcome, type=case.kind, message=case.message)
    else:
        inner = element("system-out")
    inner.text = printable(case.text) or None
    if case.outcome or case.text:
        made.append(inner)
    return made


def suite(
    name: str,
    cases: Iterable[Case],
    properties: Mapping[str, str] = {},
    timestamp: str = "",
) -> ElementTree.Element:
    listed = list(cases)
    numbers = {"tests": str(len(listed))}
    for outcome, word in OUTCOMES.items():
        numbers[word] = str(sum(1 for c in listed if c.outcome == outcome))
    if all(c.seconds is not None for c in listed):
        numbers["time"] = f"{sum(c.seconds or 0 for c in listed):.3f}"
    made = element("testsuite", name=name, **numbers, timestamp=timestamp)
    if properties:
        inner = ElementTree.SubElement(made, "properties")
        for key, value in properties.items():
            pair = {"name": printable(key), "value": printable(value)}
            ElementTree.SubElement(inner, "property", pair)
    made.extend(case_element(c) for c in listed)
    return made


def document(root: ElementTree.Element) -> bytes:
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


# --- of a conformance run -------------------------------------------------------------------------


def why_known(result: Any) -> str:
    return str(result["known"].get("why") or "known") if result["known"] else ""


def finding(result: Any, summary: str) -> tuple[str, str, str]:
    """Its kind, its message, and all that is known of it."""
    failed = result["verdict"] == "fail"
    seen = result["seen"] if failed else "the promise kept"
    lines = [
        f"promise:  {summary}",
        f"clause:   {result['clause']}",
        f"expected: {result['expected'] if failed else why_known(result)}",
        f"seen:     {seen}",
    ]
    if result["stacks"]:
        lines.append(f"stacks:\n{result['stacks']}")
    lines.append(f"repeat:   {result['repeat']}\n")
    kind, message = (result["class"], seen) if failed else ("fixed", "a known failure passes")
    return kind, message, "\n".join(lines)


def why_skipped(result: Any) -> str:
    """What is known, does not count, cannot be had or was not run; empty: none of these."""
    verdict, known = result["verdict"], why_known(result)
    if verdict == "not run":
        return "not run: interrupted"
    if verdict == "not supported":
        return f"not supported: {known or result['reason']}"
    if verdict == "fail":
        return (
            f"known failure: {known}"
            if known
            else f"a failure that does not count: {result['seen']}"
        )
    return ""


def case_of(result: Any, summary: str) -> Case:
    outcome, kind, text = "", "", ""
    if result["finding"]:
        outcome = "failure"
        kind, message, text = finding(result, summary)
    else:
        message = why_skipped(result)
        outcome = "skipped" if message else ""
    name, check, seconds = result["allocator"], result["check"], float(result["seconds"])
    return Case(name, check, outcome, message, text, kind, seconds)


def conformance(run: Any) -> bytes:
    """A suite for each allocator that took part."""
    summaries = {c["name"]: c["summary"] for c in run["checks"]}
    root = element("testsuites", name="spanbench check")
    for cell in run["allocators"]:
        results = [r for r in run["results"] if r["allocator"] == cell["name"]]
        if not results:  # skipped or broken
            continue
        properties = {
            "version": cell["version"] or "",
            "object": cell["object"],
            "profile": run["profile"],
            "seed": str(run["seed"]),
        }
        cases = [case_of(r, summaries[r["check"]]) for r in results]
        root.append(suite(cell["name"], cases, properties, run["started"].removesuffix("Z")))
    ElementTree.indent(root)
    return document(root)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER")
    folder = parser.parse_args().run
    content = bench_results.read_loosely(folder / READ, conformance, "a conformance run")
    stored_file.write(folder / WRITTEN, content)
    return 0


if __name__ == "__main__":
    program.run(main, unread=program.WRONG_USE)
