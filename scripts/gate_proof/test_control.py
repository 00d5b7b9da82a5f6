"""The control of a gate: it must tell a gate that cries wolf and one that is blind from a good one."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any, Optional, Sequence
from unittest import mock

from driving import BUILD, DriverTest, run

from gate import base_and_head
from gate_proof import control, planted, run_gate
from gate.findings import Refusal

GOMALLOC = BUILD / base_and_head.GOMALLOC


class Controls(DriverTest):
    """With pretended gates, by the exit code and the verdict of each run: first the null run."""

    def control(self, *runs: tuple[int, Optional[str]]) -> int:
        left = list(runs)
        self.compared: list[bool] = []

        def run(base: Path, head: Path, *_: object) -> Any:
            self.compared.append(base.read_bytes() == head.read_bytes())
            code, verdict = left.pop(0)
            row = {"row": control.ROW, "metric": "ns_per_op", "verdict": verdict}
            return code, {"verdict": verdict, "findings": [row]} if verdict else None

        cost = planted.Cost(control.ROW, 20.0, 0.01, planted.PERIOD)
        with mock.patch.object(run_gate, "run", run), mock.patch.object(
            planted.Calibration, "cost", return_value=cost
        ):
            code = control.control(GOMALLOC, control.ROW, BUILD, self.directory)
        self.assertEqual(left, [])
        return code

    def check(self, code: int, runs: Sequence[tuple[int, Optional[str]]]) -> None:
        self.assertEqual(self.control(*runs), code, runs)

    def test_good_gate(self) -> None:
        self.check(0, [(0, "pass"), (1, "fail")])
        self.assertEqual(self.compared, [True, False])

    def test_gate_that_cries_wolf(self) -> None:
        self.check(1, [(1, "fail")])

    def test_blind_gate(self) -> None:
        self.check(1, [(0, "pass"), (0, "pass")])

    def test_undecided_is_tried_again(self) -> None:
        self.check(0, [(0, "pass"), (0, "void"), (0, "inconclusive"), (1, "fail")])
        self.check(1, [(0, "pass"), *[(0, "inconclusive")] * control.TRIES])

    def test_gate_that_refuses(self) -> None:
        self.check(2, [(2, None)])
        self.check(2, [(0, "pass"), (2, None)])

    def test_library_that_cannot_be_copied_is_refused(self) -> None:
        source, library = self.directory / "foo.c", self.directory / "foo.so"
        source.write_text("int malloc_usable_size_of_foo;\n")
        run("cc", "-shared", "-o", library, source, check=True)
        with self.assertRaisesRegex(Refusal, "foo.so has no malloc_usable_size"):
            control.control(library, control.ROW, BUILD, self.directory)
        library.write_text("")
        control.check_usable_size(library)

    def test_failure_of_something_else_is_not_the_finding(self) -> None:
        document = {
            "verdict": "fail",
            "findings": [{"row": "tiny/threads:1", "metric": "ns_per_op", "verdict": "fail"}],
        }
        cost = planted.Cost(control.ROW, 20.0, 0.01, planted.PERIOD)
        runs = iter([(0, {"verdict": "pass", "findings": []}), (1, document)])
        with mock.patch.object(run_gate, "run", lambda *_: next(runs)), mock.patch.object(
            planted.Calibration, "cost", return_value=cost
        ):
            self.assertEqual(control.control(GOMALLOC, control.ROW, BUILD, self.directory), 1)


if __name__ == "__main__":
    unittest.main()
