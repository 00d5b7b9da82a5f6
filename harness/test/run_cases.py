"""Runs cases of unittest and prints TAP, for scripts/run-test and test_mutants.py."""

import collections
import importlib.util
import os
import sys
import time
import unittest

import tap  # of Debian; tap.h beside this is of C


def main(test: str) -> int:
    """FILE.py, FILE.py:CLASS or FILE.py:CLASS.CASE, or several of a file with commas between them."""
    begin = time.monotonic()
    path, _, cases = test.partition(":")
    spec = importlib.util.spec_from_file_location("test", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["test"] = module
    spec.loader.exec_module(module)
    load = unittest.defaultTestLoader
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
    user, system = (sum(os.times()[i:4:2]) for i in (0, 1))
    if time.monotonic() - begin >= 1:
        spent = [f"{t // 60:.0f}m{t % 60:.2f}s" for t in (user, system)]
        took = f"{time.monotonic() - begin:.0f} s; CPU {spent[0]} user, {spent[1]} system"
        print(f"# {path}: {took}", file=sys.stderr)
    return int(not result.wasSuccessful() or result.testsRun == 0)
