"""Runs cases of unittest and prints TAP, for scripts/run-test and test_mutants.py."""

import collections
import functools
import importlib.util
import os
import sys
import time
import unittest
from typing import Any, Iterator, Optional

import tap  # of Debian; tap.h beside this is of C


def late(takes: int = 0) -> Optional[str]:
    """Why nothing more is begun, where make test-slow had MINUTES and they are over; or of what takes so many
    minutes, where fewer are left."""
    until = os.environ.get("TEST_UNTIL")
    if not until or time.time() + 60 * takes < float(until):
        return None
    return f"not begun: the MINUTES of make test-slow were {'nearly ' if takes else ''}over"


class InTime(unittest.TestSuite):
    """Each case is skipped that would begin too late. With TEST_ALL=only, those alone are in it that are slow."""

    def addTest(self, test: Any) -> None:
        if isinstance(test, unittest.TestCase) and os.environ.get("TEST_ALL") == "only":
            method = getattr(test, test.id().rpartition(".")[2], None)
            known = (
                type(test).__module__ != "unittest.loader"
            )  # else the name is wrong, which it will say
            if known and not hasattr(test, "slow") and not hasattr(method, "slow"):
                return
        super().addTest(test)

    def __iter__(self) -> Iterator[Any]:
        begun = None
        for test in super().__iter__():
            if isinstance(test, unittest.TestCase):
                if reason := late():
                    if type(test) is begun:  # its class is set up, and will be torn down
                        setattr(test, "setUp", functools.partial(test.skipTest, reason))
                    else:
                        unittest.skip(reason)(type(test))
                begun = type(test)
            yield test


def main(test: str) -> int:
    """FILE.py, FILE.py:CLASS or FILE.py:CLASS.CASE, or several of a file with commas between them."""
    begin = time.monotonic()
    path, _, cases = test.partition(":")
    spec = importlib.util.spec_from_file_location("test", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["test"] = module
    spec.loader.exec_module(module)
    load = unittest.TestLoader()
    load.suiteClass = InTime
    names = cases.split(",")
    tests = load.loadTestsFromNames(names, module) if cases else load.loadTestsFromModule(module)
    runner = tap.TAPTestRunner()
    runner.set_format("{method_name} {short_description}")
    runner.set_stream(True)
    result = runner.run(tests)
    for case, why in result.failures + result.errors:
        print(f"{case}\n{why}", file=sys.stderr)
    for reason, times in collections.Counter(reason for _, reason in result.skipped).items():
        print(f"# {path}: {times} skipped: {reason}", file=sys.stderr)
    if result.testsRun == 0:
        print(f"# {path}: no such case", file=sys.stderr)
    user, system = (sum(os.times()[i:4:2]) for i in (0, 1))
    if time.monotonic() - begin >= 1:
        spent = [f"{t // 60:.0f}m{t % 60:.2f}s" for t in (user, system)]
        took = f"{time.monotonic() - begin:.0f} s; CPU {spent[0]} user, {spent[1]} system"
        print(f"# {path}: {took}", file=sys.stderr)
    return int(not result.wasSuccessful() or result.testsRun == 0)
