"""Which rows the gate compares: those of the core, and what else shows a kind of regression. Pure.

KINDS is the list. A gate that leaves rows out, counts alone, or cannot judge a row says which kinds it does not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Iterable, Mapping, Sequence

from bench_results import CORE
from gate.findings import TIERS, Finding, Refusal

EXACT, TIMED, MEMORY = TIERS
BY_CPU = 0  # as many threads as the workload wants for each CPU
USUAL_THREADS = (1, 2)
NOT_SEEN = "not seen: "  # a fact that begins so is among the first lines
RARE = (
    "what comes less than once in two million operations, or with other work or more threads alone"
)


@dataclass(frozen=True)
class Kind:
    """A regression, and where it shows: by the counts of these workloads, or by the time and the memory of
    these rows. If there are both, either will do."""

    what: str
    counted: tuple[str, ...] = ()
    timed: tuple[tuple[str, int], ...] = ()  # workload and threads
    tier: str = TIMED  # of these rows, what shows it: time or memory


# Each has planted libraries in scripts/gate_proof/kinds.py, which the default rows must find.
KINDS = (
    Kind("a slower calloc", ("calloc_dirty", "calloc_fresh")),
    Kind("a slower realloc", ("realloc_steps", "realloc_huge")),
    Kind("a slower free of a block whose thread has ended", ("larson",)),
    Kind("a lock in the slow path", ("collector",)),
    Kind("a leak of one block in a thousand", ("seldom",), (("seldom", 1),), MEMORY),
    Kind("1 ms of work in a million operations", ("seldom",), (("seldom", 1),)),
    Kind("a system call in a million operations", ("seldom",)),
    Kind("memory that stays when all is freed", ("small",), (("small", 1),), MEMORY),
    Kind("time without more instructions", (), (("small", 1),)),
    Kind("a pause of 1 ms in a million operations", (), (("seldom", 1),)),
    Kind("a slower free of a running thread's block", (), (("hand_over_pairs", 2),)),
    Kind("threads that wait for a lock of the slow path", (), (("lock_convoy", BY_CPU),)),
    Kind("memory of blocks that another thread frees", (), (("hand_over_pairs", 2),), MEMORY),
    Kind("memory that stays at two threads only", (), (("small", 2),), MEMORY),
)


@dataclass(frozen=True)
class Workload:
    """What the cells say of it."""

    group: str = CORE
    least_threads: int = 1
    most_threads: int = 1 << 20
    threads_per_cpu: int = 0
    missing: str = ""  # what base or head lacks of what it calls

    def nearest(self, threads: int) -> int:
        return min(max(threads, self.least_threads), self.most_threads)

    def by_cpu(self, cpus: int) -> int:
        return self.nearest(self.threads_per_cpu * cpus)


@dataclass(frozen=True)
class Rows:
    """What is compared."""

    counted: list[str]  # workloads, at one thread
    timed: list[str]  # rows
    left_out: list[str]  # why, for people


def row_name(workload: str, threads: int) -> str:
    return f"{workload}/threads:{threads}"


def counted_by_default(core: Iterable[str], known: Iterable[str]) -> list[str]:
    """Of the workloads that are known, the core's and those in which counts show what the core does not."""
    beyond = dict.fromkeys(w for kind in KINDS for w in kind.counted)
    return list(dict.fromkeys([*core, *(w for w in beyond if w in set(known))]))


def threads_of(w: Workload, named: Sequence[int], cpus: int) -> list[int]:
    """Those that the user named, as far as the workload takes them. Else one and two, or what is nearest."""
    if named:
        return [n for n in named if w.least_threads <= n <= w.most_threads]
    if w.threads_per_cpu:
        return [w.by_cpu(cpus)]
    usual = [n for n in USUAL_THREADS if n <= cpus]
    return list(dict.fromkeys(w.nearest(n) for n in usual))


def of_kinds(known: Mapping[str, Workload], named: Sequence[int], cpus: int) -> list[str]:
    """The rows beside the core's that show a kind of regression by time and memory."""
    made = []
    for name, threads in dict.fromkeys(row for kind in KINDS for row in kind.timed):
        w = known.get(name)
        if w is None or w.missing:
            continue
        count = threads or w.by_cpu(cpus)
        fits = threads <= cpus and (not named or count in named)
        if fits and w.nearest(count) == count:
            made.append(row_name(name, count))
    return made


def listed(words: Sequence[str], known: Mapping[str, Workload]) -> list[str]:
    """The workloads that these names and groups mean."""
    groups = {w.group for w in known.values()}
    for word in words:
        if word not in known and word not in groups:
            raise Refusal(
                f"no workload '{word}'; there are {', '.join(known)}, and the groups "
                f"{', '.join(sorted(groups))}"
            )
    named = [
        [word] if word in known else [n for n in known if known[n].group == word] for word in words
    ]
    return list(dict.fromkeys(name for names in named for name in names))


def chosen(
    words: Sequence[str],
    threads: Sequence[int],
    known: Mapping[str, Workload],
    *,
    cpus: int,
    quick: bool,
) -> Rows:
    """The rows of these workloads and numbers of threads; none named: the default ones. A quick gate has a
    minute: it times the core alone, and counts as usual."""
    core = [name for name, w in known.items() if w.group == CORE]
    counted = listed(words, known) if words else counted_by_default(core, known)
    timed, left_out = [], []
    for name in counted if words else core:
        w = known[name]
        counts = threads_of(w, threads, cpus)
        timed += [row_name(name, n) for n in counts if not w.missing]
        if not counts:
            bounds = f"{w.least_threads} to {w.most_threads}"
            left_out.append(f"{name} is not timed: it takes {bounds} threads")
    if not words and not quick:
        timed += of_kinds(known, threads, cpus)
    left_out += [f"{n} is not compared: {known[n].missing}" for n in counted if known[n].missing]
    for name in counted:
        if known[name].least_threads > 1:
            left_out.append(f"{name} is not counted: it takes {known[name].least_threads} threads")
    counted = [n for n in counted if not known[n].missing and known[n].least_threads <= 1]
    return Rows(counted, list(dict.fromkeys(timed)), left_out)


Judged = tuple[str, str]  # of a Finding: what it is by, such as MEMORY, and its row


def not_judged(found: Iterable[Finding]) -> set[Judged]:
    """What has a finding that tells nothing; of a row whose samples failed, all."""
    made = set()
    for f in found:
        if f.metric == "samples" and f.tier != EXACT:
            made |= {(TIMED, f.row), (MEMORY, f.row)}
        elif f.metric == "samples" or f.verdict in ("void", "inconclusive"):
            made.add((f.tier, f.row))
    return made


def unseen(
    counted: Iterable[str], timed: Iterable[str], without: Collection[Judged] = ()
) -> list[Kind]:
    """The kinds that these counts and rows do not show. `without`: those that were not judged."""
    counts = {w for w in counted if (EXACT, row_name(w, 1)) not in without}
    rows = set(timed)

    def is_timed(row: tuple[str, int], tier: str) -> bool:
        name, threads = row
        own = [r for r in rows if r.partition("/")[0] == name and (tier, r) not in without]
        return row_name(name, threads) in own if threads else bool(own)

    def is_seen(kind: Kind) -> bool:
        by_counts = bool(kind.counted) and counts.issuperset(kind.counted)
        return by_counts or (bool(kind.timed) and all(is_timed(r, kind.tier) for r in kind.timed))

    return [kind for kind in KINDS if not is_seen(kind)]


def because(kinds: Iterable[Kind], without: Collection[Judged]) -> list[str]:
    """The rows without which these are not seen."""
    workloads = {
        (tier, w)
        for kind in kinds
        for tier, names in ((EXACT, kind.counted), (kind.tier, [name for name, _ in kind.timed]))
        for w in names
    }
    return sorted({row for tier, row in without if (tier, row.partition("/")[0]) in workloads})


def not_seen(
    counted: Sequence[str],
    timed: Sequence[str],
    is_own: bool,
    more: str,
    found: Iterable[Finding] = (),
) -> str:
    """What a run that found this does not show, in a line; `more`: how it would. With rows of the user's own, how many
    kinds."""
    without = not_judged(found)
    kinds = unseen(counted, timed, without)
    if not kinds:
        return f"{NOT_SEEN}{RARE}"
    names = [kind.what for kind in kinds]
    said = [f"{len(kinds)} of {len(KINDS)} kinds of regression" if is_own else ", ".join(names)]
    asked = unseen(counted, timed)
    rows = because((k for k in kinds if k not in asked), without)
    said += [f"not judged: {', '.join(rows)}"] * bool(rows) + [more] * bool(more)
    return NOT_SEEN + "; ".join(said)
