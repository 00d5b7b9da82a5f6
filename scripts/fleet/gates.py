"""The gate over a fleet: what its tasks measure, and how their rounds become a gate.json for each class of machines.

All rounds are planned beforehand, so no precision and no budget ends them. The first round of each period suspects, the
others decide: the gate's two stages, on each node side by side. A task measures the stages one after the other, each with
fresh copies of base and head, and with requests of its own.

The judge is the gate's. It ranks rounds within their node (gate/strata.py). Rounds of a node that cannot be trusted
to compare (gate/nodes.py) are void.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Collection, Iterable, Optional, Sequence

import stored_file
from bench_results import plural
from fleet import asked as asking
from fleet import rounds, slurm
from fleet.asked import Refusal
from fleet.machines import Class
from fleet.parts import read
from gate import accepted, campaign, cli, document, driver, findings, judge, nodes, rejudge, report
from gate import strata
from gate.campaign import FIRST
from gate.document import Result
from gate.run import Gate, campaign_facts, what_is_not_seen
from gate.samples import ARMS, MIRRORED, Sample, check_failures, load, parse
from program import RESULTS

ARMS_FOLDER = "arms"  # of the bundle: base and head
ROUNDS = "rounds"  # the folder of what was judged
VOID = "void"  # in it, the folder with rounds of nodes that cannot be trusted
STAGES = (FIRST, campaign.look_name(1))
COUNTS = "counts, which need no cluster, are not part of this: make gate TIER=exact"


def options_of(words: Sequence[str], driver: Path) -> Any:
    """Options of the gate. Raises Refusal."""
    made = cli.parser().parse_args(list(words))
    if made.judge or made.budget is not None or made.out or made.driver:
        raise Refusal(
            "--judge, --budget, --out and --driver of the gate are not for a fleet: all rounds are planned, and collect "
            "judges them"
        )
    if made.tier == "exact":
        raise Refusal("counts need no cluster: make gate TIER=exact")
    cli.refuse_what_cannot_be(made)
    made.driver, made.tier = driver, "timed"
    return made


def gate_of(words: Sequence[str], driver: Path, cpus: Optional[int] = None) -> Gate:
    options = options_of(words, driver)
    if options.accepted and not options.accepted.is_file():
        raise Refusal(f"there is no {options.accepted}")
    return Gate(options, accepted.load(options.accepted or RESULTS / "accepted.json"), cpus)


def rows_follow_cpus(words: Sequence[str], driver: Path) -> bool:
    """Whether other rows are compared on a machine with another number of CPUs. Raises Refusal."""
    try:
        options = options_of(words, driver)
    except findings.Refusal as problem:
        raise Refusal(str(problem)) from problem
    return not (options.threads and (options.workloads or options.quick))


def cpus_of(
    words: Sequence[str], driver: Path, given: Optional[int], sbatch: Sequence[str]
) -> Optional[int]:
    """The number for which the rows are chosen: what the user says, or what most nodes have. None: they do not depend on
    it. Raises Refusal and slurm.Trouble."""
    if given or not rows_follow_cpus(words, driver):
        return given
    return slurm.most_usual(slurm.cpus_of_nodes(sbatch))


def period_of(settings: judge.Settings) -> int:
    """One round for the first stage, and as many for the second as that has for one of the first."""
    return 1 + math.ceil(settings.looks[-1] / settings.first)


def prepare(out: Path, driver_: Path, words: Sequence[str], cpus: Optional[int]) -> Path:
    """Makes the folder of a fleet with its bundle. `words`: options of the gate. `cpus`: of a node; others do no work.
    None: any number. Raises Refusal."""
    with tempfile.TemporaryDirectory(prefix="fleet-gate-") as place:
        try:
            gate = gate_of(words, driver_, cpus)
            sides = gate.sides(Path(place))
        except findings.Refusal as problem:
            raise Refusal(str(problem)) from problem
        both, settings = sides.both, sides.settings
        given = gate.options.accepted  # which collect reads, wherever it is called
        located = [f"--accepted={given.absolute()}"] if given else []
        period = period_of(settings)
        total = settings.first * period
        second = total - settings.first
        settings = dataclasses.replace(settings, looks=(second,)).checked(len(sides.asked.timed))
        # A cell finds the library that was built with it by its own place, so it is not taken from the copies.
        adapter = both.base.adapter
        of = {"base": both.base, "head": both.head}
        sources = {n: s.file if adapter else both.file(n) for n, s in of.items()}
        suffix = "" if adapter else ".so"
        files = [(source, f"{ARMS_FOLDER}/{n}{suffix}") for n, source in sources.items()]
        cells = asking.cells_of(driver_, set())
        names = [row.replace("/", f"/{arm}/", 1) for row in sides.asked.timed for arm in ARMS]
        folder = asking.new_fleet(
            out,
            driver_,
            cells,
            files,
            {
                "work": "gate",
                "words": [
                    *driver.words_of(sides.asked.timed, gate.options.timeout),
                    f"--repetitions={total}",
                ],
                "first_words": [],
                "rows": sorted(names),
                "each": MIRRORED,
                "repetitions": total,
                "period": period,
                "seeds": [campaign.seed_of(gate.options.seed, stage) for stage in (0, 1)],
                "suffix": suffix,
                "cpus": cpus,
                "gate": {
                    "options": [*words, *located],
                    **gate.arms(both),
                    "rows": sides.asked.timed,
                    "settings": dataclasses.asdict(settings),
                    "said": sides.facts,
                },
            },
        )
    manifest = read(folder / "bundle" / "manifest.json")["files"]
    for name in sources:
        if manifest[f"{ARMS_FOLDER}/{name}{suffix}"]["sha256"] != both.sums[name]:
            shutil.rmtree(folder, ignore_errors=True)
            raise Refusal(f"{name} changed meanwhile: submit again")
    return folder


def store(folder: Path, whole: Any, period: int, void: Collection[str]) -> dict[str, Path]:
    """bench.json of each stage, without nodes that are void, and of these."""

    def place(entry: Any) -> str:
        return VOID if entry["node"] in void else STAGES[rounds.stage(entry["block"], period)]

    found: dict[str, list[Any]] = {}
    for entry in whole["benchmarks"]:
        found.setdefault(place(entry), []).append(entry)
    made = {}
    for name in (*STAGES, VOID):
        if name in found:
            made[name] = folder / ROUNDS / name / "bench.json"
            made[name].parent.mkdir(parents=True)
            text = json.dumps({**whole, "benchmarks": found[name]}, indent=1)
            stored_file.write(made[name], text.encode())
    return made


def rounds_of(entries: Iterable[Any]) -> Counter[str]:
    """How many of each node."""
    return Counter(node for node, _ in {(e["node"], e["block"]) for e in entries})


def readable(whole: Any, name: str) -> tuple[list[Sample], dict[str, str]]:
    """Its samples, and the nodes whose samples are none, with the reason. Raises findings.Refusal."""
    samples: list[Sample] = []
    void = {}
    for node in sorted({e["node"] for e in whole["benchmarks"]}):
        own = [e for e in whole["benchmarks"] if e["node"] == node]
        try:
            samples += parse({**whole, "benchmarks": own}, name).samples
        except ValueError as problem:
            refuse_if_head_alone(whole, name, node, own, problem)
            void[node] = f"its samples cannot be read: {problem}"
    return samples, void


def refuse_if_head_alone(
    whole: Any, name: str, node: str, own: list[Any], problem: ValueError
) -> None:
    """A node is void for what base and its copy say. Else a head could choose where it is judged."""
    others = [e for e in own if e.get("allocator") != "head"]
    try:
        parse({**whole, "benchmarks": others}, name)
    except ValueError:
        return
    raise findings.Refusal(f"{node}: head's samples cannot be read: {problem}")


def power(done: campaign.Campaign, count: int) -> list[str]:
    """What all nodes find, and what the best of them would find with its share of the rounds."""
    settings = done.settings
    comparisons = len(done.rows) * len(judge.METRICS)
    stages = settings.first, settings.looks[-1]
    said = []
    for row in done.rows if count > 1 else ():
        if row in done.failed:
            continue
        c = judge.compare(done.first + done.second, row, judge.METRICS[0], settings)
        limits = comparisons, c.margin, c.target
        together = strata.smallest_change(c.head_base, stages[0], stages[1], *limits)
        sizes = strata.sizes_of(c.head_base)
        shares = zip(c.head_base, strata.split(stages[0], sizes), strata.split(stages[1], sizes))
        alone = min(strata.smallest_change([d], n, m, *limits) for d, n, m in shares)
        one = report.percent(alone) if math.isfinite(alone) else "nothing"
        said.append(f"{row} {report.percent(together)} ({one})")
    head = "power gained: the least change of time that all nodes find, and what the best alone finds with its share: "
    return [head + ", ".join(said)] if said else []


def facts(
    period: int,
    done: campaign.Campaign,
    counted: Counter[str],
    void: dict[str, str],
    lost: Counter[str],
) -> list[str]:
    """`counted` and `lost`: of each node, the rounds that were judged and those that are void."""
    listed = ", ".join(f"{node} ({counted[node]})" for node in sorted(counted))
    said = [
        f"stages: the first of {period} rounds suspects, the others decide; rounds are ranked within their node: {listed}"
    ]
    for node, why in sorted(void.items()):
        said.append(f"VOID NODE {node}: {why}: its {plural(lost[node], 'round')} do not count")
    fewest = nodes.fewest_rounds(len(counted), len(done.rows) * len(judge.METRICS))
    few = [node for node in sorted(counted) if counted[node] < fewest]
    if few and len(counted) > 1:
        said.append(
            f"{', '.join(few)}: too few rounds to tell whether the machine is sick; that wants {fewest}"
        )
    return [*said, *power(done, len(counted)), COUNTS]


def untrusted(whole: Any, name: str, rows: list[str], settings: judge.Settings) -> dict[str, str]:
    """Returns the nodes whose rounds are void, and why. Raises findings.Refusal, if no other is left, or if head failed
    where nothing else did and would not be judged."""
    samples, void = readable(whole, name)
    void |= nodes.failing(samples)
    good = [s for s in samples if s.node not in void]
    failed = check_failures(good)
    void |= nodes.differing([s for s in good if s.row not in failed], rows, settings)
    unseen = failed.keys() - check_failures(s for s in good if s.node not in void).keys()
    for row in sorted(unseen):
        raise findings.Refusal(f"{row}: head failed, on void nodes alone: {failed[row]}")
    if not {e["node"] for e in whole["benchmarks"]} - void.keys():
        said = "; ".join(f"{node}: {why}" for node, why in sorted(void.items()))
        raise findings.Refusal(f"no node can be trusted to compare: {said}")
    return void


class TooFew(findings.Refusal):
    """Rounds: more of them would be judged."""


def judge_class(asked: Any, folder: Path, name: str, gate: Gate) -> Result:
    """Writes its gate.json into a folder that has none yet. Raises findings.Refusal."""
    of, rows = asked["gate"], asked["gate"]["rows"]
    settings = rejudge.settings_of(of)
    whole = read(folder / "bench.json")
    whole["context"]["spanbench"]["complete"] = True  # each of its rounds is
    void = untrusted(whole, name, rows, settings)
    files = store(folder, whole, asked["period"], void)
    good = [e for e in whole["benchmarks"] if e["node"] not in void]
    blocks = Counter(rounds.stage(n, asked["period"]) for n in {e["block"] for e in good})
    try:
        settings = dataclasses.replace(settings, first=blocks[0], looks=(blocks[1],))
        done = campaign.Campaign(rows, settings.checked(len(rows)), gate.options.seed)
    except findings.Refusal as problem:
        there = f"{plural(blocks[0], 'round')} of the first stage and {blocks[1]} of the second"
        raise TooFew(f"{there} are too few: {problem}") from problem
    for stage in STAGES:
        done.add(load(files[stage], stage))
    repeat = gate.repeat(of["base"]["again"], of["head"]["again"])
    found, numbers = judge.findings(
        done.first, done.second, rows, done.failed, done.settings, repeat
    )
    findings.check_coverage(found, judge.asked(done.first, rows))
    found, said = accepted.apply(found, gate.entries, datetime.date.today())
    lost = rounds_of(e for e in whole["benchmarks"] if e["node"] in void)
    counted = rounds_of(good)
    own = facts(asked["period"], done, counted, void, lost)
    head = [f"{arm}: {of[arm]['what']}" for arm in ("base", "head")]
    head += [report.NULL_RUN] * (of["base"]["sha256"] == of["head"]["sha256"])
    listed = {n: {"rounds": k, "void": void.get(n)} for n, k in sorted((counted + lost).items())}
    result = Result(found, numbers, done.parts, [], {})
    blind = what_is_not_seen([], rows, gate.options, found)
    result.facts = [*head, *campaign_facts(done), *own, blind, *of["said"], *said]
    result.document = {
        "base": of["base"],
        "head": of["head"],
        "quick": gate.options.quick,
        "seed": gate.options.seed,
        "rows": rows,
        "settings": dataclasses.asdict(done.settings),
        "budget_spent": False,
        "fleet": {"class": name, "nodes": listed, "facts": own},
    }
    document.save(folder, result, gate.options, seconds_since(whole["context"]["spanbench"]))
    (folder / "bench.json").unlink()  # the stages and the void rounds have all of it
    result.facts.append(f"data: {folder / document.FILE}")
    return result


def seconds_since(own: Any) -> float:
    """The first task began; the gate ends with its collecting. Clocks of two machines may differ."""
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        then = datetime.datetime.strptime(own["started"], "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return 0.0
    return max(0.0, (now - then).total_seconds())


def judge_all(
    fleet: Path, asked: Any, classes: Sequence[Class], folders: dict[str, Path], colour: bool
) -> tuple[list[str], int]:
    """What is to be said, and the gravest exit code of all classes. A class that cannot be judged passes nothing. If it
    has too few rounds, the others' codes stand, but with --strict."""
    try:
        gate = gate_of(asked["gate"]["options"], fleet / "bundle" / "spanbench")
    except findings.Refusal as problem:
        raise Refusal(str(problem)) from problem
    said, codes, refused = [], [], False
    for of in classes:
        try:
            made = judge_class(asked, folders[of.name], of.name, gate)
        except findings.Refusal as problem:
            said.append(f"gate: {of.name}: REFUSED, nothing was judged: {problem}")
            refused |= not isinstance(problem, TooFew)
            continue
        strict = gate.options.strict
        codes.append(findings.exit_code(made.findings, strict))
        said.append(report.text(made.findings, strict, made.facts, colour))
    if len(codes) > 1:
        said.append(
            f"gate: {len(codes)} classes were judged, each with a false discovery rate of its own: one of them fails by chance "
            "more often than a single one"
        )
    if not codes:
        return said, findings.WRONG_USE if classes else findings.PASS
    if findings.REGRESSION in codes:
        return said, findings.REGRESSION
    if refused:
        return said, findings.WRONG_USE
    undecided = gate.options.strict and len(codes) < len(classes)
    return said, findings.UNDECIDED if undecided else max(codes)
