"""The program of the gate: `make gate`, scripts/gate.sh, build/spanbench gate. However it ends, only a
verdict gives the exit code of one."""

from __future__ import annotations

import datetime
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn, Optional

for _number in (signal.SIGINT, signal.SIGTERM):  # until run() has a say in it
    signal.signal(_number, signal.SIG_DFL)
sys.path[0] = str(Path(__file__).resolve().parent.parent)  # run as a folder, it is a package

try:
    import bench_results
    from gate import accepted, cli, document, report
    from gate.findings import SIGNALLED, WRONG_USE, Interrupted, Refusal, exit_code
    from gate.run import Gate, judge_again
    from program import RESULTS, complain, duration, settle, stop_writing
    from report import write
except (ImportError, MemoryError, OSError) as problem:
    lacks = "; run scripts/deps.sh gate" * isinstance(problem, ImportError)
    print(f"gate: {problem or 'not enough memory'}{lacks}", file=sys.stderr)
    sys.exit(2)


def say(result: document.Result, strict: bool) -> None:
    try:
        print(report.text(result.findings, strict, result.facts, sys.stdout.isatty()))
        if os.environ.get("GITHUB_ACTIONS"):
            print("".join(f"{line}\n" for line in report.github(result.findings)), end="")
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough; the verdict is the exit code's
        stop_writing()


def main() -> int:
    options = cli.parser().parse_args()
    cli.refuse_what_would_be_ignored(options)
    cli.refuse_what_cannot_be(options)
    accepted_file = options.accepted or RESULTS / "accepted.json"
    if options.accepted and not options.accepted.is_file():
        raise Refusal(f"there is no {options.accepted}")
    gate = Gate(options, accepted.load(accepted_file))
    folder: Optional[Path] = None
    if options.judge:
        result = judge_again(gate, options.judge)
    else:
        folder = document.new_folder(options.out or RESULTS)
        print(f"gate: {folder}", file=sys.stderr)
        try:
            result = gate.measure(folder)
        except Interrupted:
            document.remove_if_no_sample_is_there(folder)
            raise
        except BaseException:
            document.remove_if_nothing_was_measured(folder)
            raise
    result.findings, said = accepted.apply(result.findings, gate.entries, datetime.date.today())
    result.facts += said
    code = exit_code(result.findings, options.strict)
    seconds = time.monotonic() - gate.began
    if folder:
        document.save(folder, result, options, seconds)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            with open(summary, "a", encoding="utf-8") as to:
                to.write(report.markdown(result.findings, options.strict, result.facts))
        leave_page(folder)
        document.publish(folder)
        result.facts.append(f"data: {folder}/{document.FILE}; {duration(seconds)}")
    say(result, options.strict)
    return code


def leave_page(folder: Path) -> None:
    """report.html, for a browser. The verdict does not depend on it."""
    try:
        if not write.write(folder, None):
            complain("gate: no page without jinja2: install python3-jinja2")
    except (bench_results.Unusable, OSError) as problem:
        complain(f"gate: no page: {bench_results.printable(str(problem))}")


def interrupt(number: int, _: Optional[FrameType]) -> NoReturn:
    raise Interrupted(number)


def end(said: str) -> int:
    """Refused. Whether that can be said or not, it is neither a pass nor a regression."""
    complain(f"gate: {bench_results.printable(said)}")
    return WRONG_USE


def run() -> int:
    """Whatever happens, only a verdict gives the exit code of one."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        if sys.stdout is None:
            raise Refusal("standard output is closed")
        return main()
    except Interrupted as signalled:
        end(str(signalled))
        return SIGNALLED + signalled.number
    except Refusal as problem:
        return end(f"REFUSED, nothing was judged: {problem}")
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        return end(f"REFUSED, nothing was judged: {what}{error.strerror}")
    except MemoryError:
        return end("REFUSED, nothing was judged: not enough memory")
    except Exception:  # a fault of the gate's own is neither a pass nor a regression
        return end(f"{traceback.format_exc()}gate: REFUSED: the gate itself is broken")


if __name__ == "__main__":
    try:
        sys.exit(run())
    finally:
        settle()
