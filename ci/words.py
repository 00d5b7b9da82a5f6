#!/usr/bin/python3
"""Finds what can be counted of bad English: in documentation, comments and messages.

    no-noun    "X is no file": write "X is not a file" ("there is no file" is good)
    that-there "the files that there are": write "the files" or "the files that exist"
    long       a sentence of more than 30 words, in documentation and comments
    verbless   a sentence that opens with "Of time:" or "For people:"; give it a verb
    jargon     a word of our own where a common one exists
    readme     a README.md of more than 150 lines in the root of the project

Code, columns and quotations are left out, and messages and tables may be long. To allow one place, write
`words: allow RULE`, with the reason, into its comment or paragraph, or on the line before it. In Markdown,
that is `<!-- words: allow RULE: reason -->`. An allowance that is not needed is a finding.

Prints each finding, and then what is not held to the rules yet, and why. Ends with 1 if there is a finding.
With paths of files or folders, looks at these, held or not.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, Optional

# Folders that are not held to the rules yet, and why; a file or folder that is not named here is held.
NOT_YET: dict[str, str] = {}
# Documents there are held all the same.
HELD_ANYWAY = re.compile(r".*\.md")

MOST_WORDS = 30
MOST_LINES = 150

# What may follow "is no".
COMPARED = (
    r"(?:longer|more|less|fewer|better|worse|larger|smaller|later|earlier|sooner|one|other)\b"
)
NO_NOUN = re.compile(rf"(?<!there )\b(?:is|are|was|were) no (?!{COMPARED})[a-zA-Z]\w*", re.I)
# "He says that there are files" is good: there, something follows.
THAT_THERE = re.compile(r"\w+ that there (?:is|are|was|were)(?=\s*(?:[.,;:)]|$)| not\b)", re.I)
# At the begin of a sentence, up to four words and a colon.
VERBLESS = re.compile(
    r"(?:Of|For|By|As to|As for) (?!example:|instance:)(?:[\w'-]+ ?){1,4}(?:, too)?: "
)

# What not to write, and what instead.
JARGON = (
    (re.compile(r"\btwins?\b"), "copy"),
    (re.compile(r"\btiers?\b"), "counts, or times"),
    (re.compile(r"\bdrained\b"), "after everything is freed"),
    (re.compile(r"\bblocks? of samples\b"), "round"),
    (re.compile(r"\bfirst-stage blocks?\b"), "rounds of the first stage"),
    (re.compile(r"\bfor (?:want|lack) of\b"), "without"),
)

# Names of options and of keys, which stored results have. A string of Python that is just one is code.
NAMES = re.compile(r"(?:--)?\btier|\btwin(?:\.so)?|base,head,\btwin")

ALLOW = re.compile(r"words: allow ([a-z-]+)")
# Lines that a program reads.
KEY = re.compile(r"\s*(?:caught-by|exposed-by|harden|catches|library|package|cflags|built-from):")
ITEM = re.compile(r"\s*(?:[-*+]|\d+\.|[\w/.-]+:(?=  ))\s+")
COLUMNS = re.compile(r"\S   +\S")


@dataclass
class Finding:
    line: int
    rule: str
    text: str


@dataclass
class Unit:
    """A paragraph, an entry of a list or table, or a message, and where its lines are."""

    prose: bool  # its sentences have a length
    lines: list[tuple[int, str]] = field(default_factory=list)

    def text(self) -> str:
        return " ".join(text for _, text in self.lines)

    def line_of(self, offset: int) -> int:
        for number, text in self.lines:
            if offset <= len(text):
                return number
            offset -= len(text) + 1
        return self.lines[-1][0]


def masked(text: str) -> str:
    """The text, as long as it was, with an X for each letter of code and of quotations."""

    def one_word(match: "re.Match[str]") -> str:
        return "X" * len(match[0])

    text = re.sub(r"`[^`]+`", one_word, text)
    text = re.sub(r"\]\([^)]*\)", one_word, text)
    return re.sub(r"\"[^\"]*\"|“[^”]*”", one_word, text)


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Each with its offset. A full stop inside of a name or a number ends none."""
    begin = 0
    for end in re.finditer(r"[.!?][)*]*(?=\s+[^a-z\s]|\s*$)", text):
        yield begin, text[begin : end.end()]
        begin = end.end()
    if text[begin:].strip():
        yield begin, text[begin:]


def count(sentence: str) -> int:
    return len(re.findall(r"[^\W_][\w'’./,-]*", sentence))


def judge(unit: Unit) -> list[Finding]:
    text = masked(unit.text())
    found = []

    def add(offset: int, rule: str, what: str) -> None:
        found.append(Finding(unit.line_of(offset), rule, what))

    for match in NO_NOUN.finditer(text):
        add(match.start(), "no-noun", f'"{match[0]}": write "is not a …", or "there is no …"')
    for match in THAT_THERE.finditer(text):
        add(match.start(), "that-there", f'"{match[0]}": leave it out, or write "that exist"')
    for offset, sentence in sentences(text):
        blanks = len(sentence) - len(sentence.lstrip())
        if opening := VERBLESS.match(sentence.lstrip()):
            add(offset + blanks, "verbless", f'"{opening[0].strip()}": open with a verb')
        if unit.prose and (words := count(sentence)) > MOST_WORDS:
            start = " ".join(sentence.split()[:6])
            add(offset + blanks, "long", f'{words} words, at most {MOST_WORDS}: "{start} …"')
    for pattern, instead in JARGON:
        for match in pattern.finditer(text):
            add(match.start(), "jargon", f'"{match[0]}": write "{instead}"')
    return found


# --- where the words are --------------------------------------------------------------------------


def paragraphs(lines: list[tuple[int, str]]) -> Iterator[Unit]:
    """The units of a comment or document without its decoration. What stands deeper is code."""
    indents = [len(t) - len(t.lstrip()) for _, t in lines if t.strip()]
    base = min(indents, default=0)
    unit = Unit(prose=True)
    inside, skipping = 0, False  # how deep a list's text stands; in the lines of a key
    for number, text in lines:
        indent = len(text) - len(text.lstrip())
        item = ITEM.match(text)
        if not text.strip():
            skipping = False
        if KEY.match(text):
            skipping = True
        ends = not text.strip() or skipping or item or COLUMNS.search(text.strip())
        if ends and unit.lines:
            yield unit
            unit = Unit(prose=True)
        if not text.strip() or skipping:
            continue
        if COLUMNS.search(text.strip()) and not item:
            yield Unit(False, [(number, part) for part in re.split("   +", text.strip())])
        elif item and indent < base + 4:
            inside = item.end()
            unit.lines.append((number, text[item.end() :]))
        elif unit.lines or indent < base + 4 or 0 < inside <= indent < inside + 4:
            inside = 0 if indent <= base and not unit.lines else inside
            unit.lines.append((number, text.strip()))
    if unit.lines:
        yield unit


def in_markdown(text: str) -> Iterator[Unit]:
    kept: list[tuple[int, str]] = []
    fenced = code = False
    blank = True
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            line = ""
        code = not fenced and line.startswith("    ") and (blank or code)
        blank = not line.strip()
        if line.startswith("|"):
            for part in line.strip("|").split("|"):
                yield Unit(False, [(number, part.strip())])
            line = ""
        if line.startswith("#"):
            yield Unit(False, [(number, line.lstrip("# "))])
            line = ""
        if fenced or code or line.startswith((">", "<!--")):
            line = ""
        kept.append((number, line))
    yield from paragraphs(kept)


C_TOKENS = re.compile(
    r"""/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+'|^\s*\#\s*include[^\n]*""",
    re.DOTALL | re.MULTILINE,
)


def in_c(text: str) -> Iterator[Unit]:
    message = Unit(prose=False)
    last_end = 0
    line_comments: list[tuple[int, str]] = []
    for token in C_TOKENS.finditer(text):
        number = text.count("\n", 0, token.start()) + 1
        column = token.start() - (text.rfind("\n", 0, token.start()) + 1)
        between = text[last_end : token.start()]
        last_end = token.end()
        if message.lines and (between.strip(" \n\t\\") or not token[0].startswith('"')):
            yield message
            message = Unit(prose=False)
        if line_comments and (between.strip() or not token[0].startswith("//")):
            yield from paragraphs(line_comments)
            line_comments = []
        if token[0].startswith("/*"):
            lines = []
            for i, line in enumerate(token[0][2:-2].split("\n")):
                if i == 0:
                    line = line.removeprefix(" ")
                else:
                    line = re.sub(rf"^\s*\* ?|^[ \t]{{0,{column + 3}}}", "", line, count=1)
                lines.append((number + i, line.rstrip()))
            yield from paragraphs(lines)
        elif token[0].startswith("//"):
            line_comments.append((number, token[0][2:].removeprefix(" ")))
        elif token[0].startswith('"'):
            content = token[0][1:-1].replace("\\n", " ").replace('\\"', " ").strip()
            message.lines.append((number, content))
    if message.lines:
        yield message
    yield from paragraphs(line_comments)


def in_python(text: str) -> Iterator[Unit]:
    tree = ast.parse(text)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    parts = {
        id(p)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for p in ast.walk(node)
        if p is not node
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            values = (str(v.value) if isinstance(v, ast.Constant) else "x" for v in node.values)
            yield Unit(False, [(node.lineno, "".join(values))])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if NAMES.fullmatch(node.value):
                continue
            lines = list(enumerate(node.value.split("\n"), node.lineno))
            if id(node) in docstrings:
                rest = [t for _, t in lines[1:] if t.strip()]
                deep = min((len(t) - len(t.lstrip()) for t in rest), default=0)
                yield from paragraphs(lines[:1] + [(n, t[deep:]) for n, t in lines[1:]])
            elif id(node) not in parts:
                yield Unit(False, lines)
    comments: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if comments and token.start[0] != comments[-1][0] + 1:
                yield from paragraphs(comments)
                comments = []
            comments.append((token.start[0], token.string.lstrip("#!:").removeprefix(" ")))
    yield from paragraphs(comments)


def in_shell(text: str) -> Iterator[Unit]:
    """Comments, and what stands in quotes behind them: near enough, as a script of ours has it."""
    comments: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*#[:!]?( shellcheck .*|/.*)?(.*)", line):
            comments.append((number, "" if match[1] else match[2].removeprefix(" ")))
            continue
        yield from paragraphs(comments)
        comments = []
        for quoted in re.finditer(r"\"([^\"]*)\"|'([^']*)'", line):
            if not re.search(r"[{}\\^|=;]", quoted[0]):
                yield Unit(False, [(number, quoted[1] or quoted[2] or "")])
    yield from paragraphs(comments)


def units(path: Path, text: str) -> Iterator[Unit]:
    if path.suffix == ".md":
        return in_markdown(text)
    if path.suffix in (".c", ".h", ".cc"):
        return in_c(text)
    if path.suffix == ".py":
        return in_python(text)
    return in_shell(text)


# --- files ----------------------------------------------------------------------------------------


def findings_in(path: Path, text: str) -> list[Finding]:
    lines = text.splitlines()
    allowed = {
        (number, match[1]): False
        for number, line in enumerate(lines, 1)
        if path.name != "words.py"  # which speaks of it
        for match in ALLOW.finditer(line)
    }

    def allows(unit: Unit, finding: Finding) -> bool:
        places = range(unit.lines[0][0] - 1, unit.lines[-1][0] + 1)
        here = [(n, finding.rule) for n in places if (n, finding.rule) in allowed]
        for place in here:
            allowed[place] = True
        return bool(here)

    found = [f for unit in units(path, text) for f in judge(unit) if not allows(unit, f)]
    for (number, rule), used in allowed.items():
        if not used:
            found.append(Finding(number, rule, "is allowed here, and not found: remove that"))
    if str(path) == "README.md" and len(lines) > MOST_LINES:
        found.append(Finding(len(lines), "readme", f"{len(lines)} lines, at most {MOST_LINES}"))
    return sorted(found, key=lambda f: f.line)


def files() -> list[Path]:
    """All of the project's that have words in them."""
    kinds = [
        "*.md",
        "*.c",
        "*.h",
        "*.cc",
        "*.py",
        "*.sh",
        "Makefile",
        ".ci/run",
        "scripts/run-test",
    ]
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *kinds]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {p for p in map(Path, listed.splitlines()) if p.is_file()}
    return sorted(found - {Path("ci/test_words.py")})  # whose texts are there to be rejected


def not_yet(path: Path) -> Optional[str]:
    """What of NOT_YET it belongs to; None: it is held to the rules."""
    if HELD_ANYWAY.fullmatch(str(path)):
        return None
    names = [str(path), *map(str, path.parents)]
    return next((name for name in names if name in NOT_YET), None)


def main() -> int:
    wanted = [Path(word) for word in sys.argv[1:]]
    waiting = dict.fromkeys(NOT_YET, 0)
    failed = False
    for path in files():
        if wanted and not any(path == w or w in path.parents for w in wanted):
            continue
        found = findings_in(path, path.read_text(encoding="utf-8"))
        if not wanted and (place := not_yet(path)):
            waiting[place] += len(found)
            continue
        for f in found:
            print(f"{path}:{f.line}: {f.rule}: {f.text}")
            failed = True
    for place, number in waiting.items() if not wanted else ():
        print(f"words.py: not held yet: {place} ({NOT_YET[place]}): {number} findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
