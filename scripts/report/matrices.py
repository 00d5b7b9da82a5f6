"""The pages of `spanbench check` and `spanbench harden`: a matrix, with every finding below it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from answer import listed
from bench_results import plural, printable
from report import again
from report.facts import Facts, facts_of
from report.model import Page, Part, Section
from report.summary import Sentence, key_of
from report.tables import Cell, Line, Table, column_of

# The word in a cell of the conformance matrix, its class, and what it means.
WORDS = {
    "pass": ("ok", "good", "the promise is kept"),
    "finding": ("FAIL", "bad", "a failure that counts, or a known one that passes now: a finding"),
    "known": ("known", "weak", "a failure that is explained, and has a reproduction"),
    "fail": ("fails", "weak", "a failure that does not count in this profile"),
    "recorded": ("choice", "plain", "a standard leaves it open: what the allocator chose is below"),
    "not supported": ("none", "plain", "the allocator does not have what it needs"),
    "not run": ("not run", "weak", "the run was interrupted"),
}
# The outcomes of the hardening matrix, from the best: what the schema calls it, the class, and the meaning.
OUTCOMES = {
    "access": ("good", "the misusing load or store faulted"),
    "call": ("good", "the misusing call ended the program on purpose"),
    "later": ("good", "a later call ended the program on purpose"),
    "crash": ("weak", "the program crashed without a word"),
    "hang": ("bad", "the program did not end"),
    "corrupt": ("bad", "the program went on, and damage was shown"),
    "survived": ("plain", "the program went on, and no damage was found"),
    "unsupported": ("plain", "this allocator gives no way to make the misuse"),
    "void": ("weak", "the same run without the misuse did not end well: nothing can be told"),
    "not run": ("weak", "the run was interrupted"),
}
CAUGHT = ("access", "call", "later")


def text(of: Any, key: str) -> str:
    """ "" where it is null."""
    value = of.get(key)
    return "" if value is None else printable(str(value))


def common_gaps(document: Any, facts: Facts) -> list[Sentence]:
    found = []
    if not document.get("complete", True):
        said = "INTERRUPTED, or still running: what was not run is named so in the matrix."
        found.append(Sentence("s-interrupted", "gap", said))
    for x in facts.libraries:
        if x.note.startswith("not measured"):
            why = x.note.partition(": ")[2]
            found.append(Sentence(key_of("s-absent", x.name), "gap", f"Not here: {x.name}: {why}."))
    return found


def there(document: Any) -> list[str]:
    """The allocators with a result, in the order of the file."""
    with_results = {r["allocator"] for r in document["results"]}
    return [printable(a["name"]) for a in document["allocators"] if a["name"] in with_results]


# --- conformance ------------------------------------------------------------------------------------


def word_of(result: Any) -> str:
    if result["finding"]:
        return "finding"
    if result["verdict"] == "fail" and result.get("known"):
        return "known"
    return str(result["verdict"])


def conformance_sentence(name: str, results: list[Any]) -> str:
    counts = Counter(word_of(r) for r in results)
    asked = sum(counts[w] for w in ("pass", "finding", "known"))
    found = [printable(r["check"]) for r in results if word_of(r) == "finding"]
    said = f"{name} keeps {counts['pass']} of {plural(asked, 'promise')}"
    if found:
        more = f" and {len(found) - 4} more" if len(found) > 4 else ""
        said += f"; {plural(len(found), 'finding')}: {listed(found[:4])}{more}"
    else:
        said += "; nothing was found that is not explained"
    if counts["known"]:
        said += f"; {plural(counts['known'], 'failure')} {'is' if counts['known'] == 1 else 'are'} known"
    if counts["fail"]:
        said += f"; {plural(counts['fail'], 'more check')} {'fails' if counts['fail'] == 1 else 'fail'}, and {'does' if counts['fail'] == 1 else 'do'} not count"
    if counts["not run"]:
        said += f"; {counts['not run']} were not run"
    return said + "."


def conformance_lines(document: Any) -> tuple[list[Line], list[Line], list[Line]]:
    """Of the matrix, of what failed, and of what was chosen."""
    names = there(document)
    by_place = {(r["check"], printable(r["allocator"])): r for r in document["results"]}
    matrix, failed, chosen = [], [], []
    for check in document["checks"]:
        cells: list[str] = []
        for name in names:
            r = by_place.get((check["name"], name))
            if r is None:
                cells.append(Cell("-"))
                continue
            word, look, _ = WORDS[word_of(r)]
            key = key_of("f", name, check["name"])
            leads = r["verdict"] in ("fail", "recorded") or r["finding"]
            cells.append(Cell(word, look, key if leads else ""))
            why = text(r.get("known") or {}, "why")
            if r["verdict"] == "recorded":
                row = [name, printable(check["name"]), text(r, "choice"), text(r, "clause")]
                chosen.append(Line(name, None, row, key))
            elif leads:
                row = [name, printable(check["name"]), word, text(r, "clause"), text(r, "expected")]
                row += [text(r, "seen"), why, text(r, "repeat")]
                failed.append(Line(name, None, row, key))
        said = printable(check["summary"])
        matrix.append(Line(None, None, [printable(check["name"]), *cells, Cell(said, "word")]))
    failed.sort(key=lambda line: line.cells[2] != "FAIL")
    return matrix, failed, chosen


def legend(words: list[tuple[str, str]]) -> str:
    return "; ".join(f"{word}: {meaning}" for word, meaning in words) + "."


def conformance(document: Any) -> Page:
    facts = facts_of(document, document)
    names = there(document)
    findings = [
        Sentence(key_of("s", n), "finding", conformance_sentence(n, of(document, n))) for n in names
    ]
    matrix, failed, chosen = conformance_lines(document)
    meaning = legend([(word, meaning) for word, _, meaning in WORDS.values()])
    first = Section("matrix", "Which promises does each keep?", meaning)
    table = Table(
        "Checks and allocators",
        ["check", *map(column_of, names), Cell("the promise", "word")],
        matrix,
    )
    first.parts.append(Part("matrix-all", "All checks", [], table))
    heads = ["allocator", "check", "verdict", "clause", "expected", "seen", "why it is known"]
    second = Section("findings", "What failed, and how can I see it?", "Findings come first.")
    if failed:
        second.parts.append(
            Part("failed", "Failures", [], words_table("Failures", [*heads, "repeat"], failed))
        )
    else:
        second.intro = "Nothing failed."
    third = Section("choices", "What did each choose where the standards leave it open?", "")
    if chosen:
        heads = ["allocator", "check", "choice", "clause"]
        third.parts.append(Part("chosen", "Choices", [], words_table("Choices", heads, chosen)))
    verb = "check-whole" if document.get("whole") else "check"
    its = again.listed(facts, names) | {
        "CHECKS": again.chosen(c["name"] for c in document["checks"])
    }
    its |= {k.upper(): document[k] for k in ("profile", "seed") if k in document}
    return Page(
        title=f"spanbench check: {text(document, 'started')}",
        about=about("check", document, f"profile {text(document, 'profile')}"),
        files="conformance.json",
        gaps=common_gaps(document, facts),
        findings=findings,
        sections=[first, second, *([third] if chosen else [])],
        facts=facts,
        command=again.line(verb, its),
        allocators=names,
    )


def of(document: Any, name: str) -> list[Any]:
    return [r for r in document["results"] if printable(r["allocator"]) == name]


def about(verb: str, document: Any, more: str) -> str:
    machine = document.get("machine") or {}
    parts = [f"spanbench {verb} {text(document, 'version')}", text(machine, "cpu"), more]
    return ", ".join(filter(None, [*parts, text(document, "started")]))


def words_table(caption: str, heads: list[str], lines: list[Line]) -> Table:
    """All of it is text."""
    turned = [
        replace(x, cells=[x.cells[0], *(Cell(str(c), "word") for c in x.cells[1:])]) for x in lines
    ]
    return Table(caption, [heads[0], *(Cell(h, "word") for h in heads[1:])], turned)


# --- hardening --------------------------------------------------------------------------------------


def outcome_cell(result: Any, key: str) -> Cell:
    """How many runs of each outcome, the most frequent first; its class is that of the worst."""
    counts = sorted(result["outcomes"].items(), key=lambda item: (-item[1], item[0]))
    looks = [OUTCOMES[name][0] for name, _ in counts]
    look = next((x for x in ("bad", "weak", "plain", "good") if x in looks), "plain")
    total = sum(n for _, n in counts)
    said = ", ".join(f"{name} {n}/{total}" for name, n in counts)
    return Cell(said, look, key)


def misuse_name(result: Any) -> str:
    size = result.get("size")
    return printable(result["misuse"]) + (f", {printable(str(size))}" if size else "")


def hardening_sentence(name: str, results: list[Any]) -> str:
    always = sum(all(o in CAUGHT for o in r["outcomes"]) for r in results)
    damaged = [misuse_name(r) for r in results if r["outcomes"].get("corrupt")]
    told = [r for r in results if set(r["outcomes"]) - {"unsupported", "void", "not run"}]
    said = f"{name} caught {always} of {plural(len(told), 'misuse')} in every run"
    if damaged:
        said += f"; damage was shown in {len(damaged)}"
    return said + "."


def examples(results: list[Any]) -> list[Line]:
    """Of each place and outcome, the first run that ended so."""
    lines = []
    for r in results:
        name, misuse = printable(r["allocator"]), misuse_name(r)
        seen: set[str] = set()
        for run in r["runs"]:
            if run["outcome"] in seen:
                continue
            key = "" if seen else key_of("f", name, misuse)
            seen.add(run["outcome"])
            row = [name, misuse, text(run, "outcome"), text(run, "what"), text(run, "seen")]
            lines.append(Line(name, None, [*row, text(run, "repeat")], key))
    return lines


def hardening(document: Any) -> Page:
    facts = facts_of(document, document)
    names = there(document)
    its = again.listed(facts, names)
    its |= {"MISUSES": again.chosen(r["misuse"] for r in document["results"])}
    its |= {"SIZES": again.chosen(r["size"] for r in document["results"] if r.get("size"))}
    its |= {k.upper(): document[k] for k in ("runs", "seed") if k in document}
    summaries = {m["name"]: printable(m["summary"]) for m in document["misuses"]}
    by_place: dict[str, dict[str, Any]] = {}
    for r in document["results"]:
        by_place.setdefault(misuse_name(r), {})[printable(r["allocator"])] = r
    lines = []
    for misuse, found in by_place.items():
        cells: list[str] = [
            outcome_cell(found[n], key_of("f", n, misuse)) if n in found else Cell("-")
            for n in names
        ]
        said = summaries.get(next(iter(found.values()))["misuse"], "")
        lines.append(Line(None, None, [misuse, *cells, Cell(said, "word")]))
    meaning = legend([(name, meaning) for name, (_, meaning) in OUTCOMES.items()])
    first = Section("matrix", "What does each make of each misuse?", meaning)
    table = Table(
        "Misuses and allocators",
        ["misuse", *map(column_of, names), Cell("what it is", "word")],
        lines,
    )
    first.parts.append(Part("matrix-all", "All misuses", [], table))
    second = Section("runs", "How can I see it?", "One run of each outcome.")
    heads = ["allocator", "misuse", "outcome", "last step", "seen", "repeat"]
    rows = words_table("One run of each outcome", heads, examples(document["results"]))
    second.parts.append(Part("runs-all", "Runs", [], rows))
    return Page(
        title=f"spanbench harden: {text(document, 'started')}",
        about=about("harden", document, f"{document['runs']} runs of each"),
        files="hardening.json",
        gaps=common_gaps(document, facts),
        findings=[
            Sentence(key_of("s", n), "finding", hardening_sentence(n, of(document, n)))
            for n in names
        ],
        sections=[first, second],
        facts=facts,
        command=again.line("harden", its),
        allocators=names,
    )
