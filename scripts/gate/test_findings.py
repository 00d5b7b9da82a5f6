"""The verdict of a whole run."""

import unittest
from dataclasses import replace

from gate.findings import PASS, REGRESSION, UNDECIDED, VERDICTS, exit_code, verdict
from gate.report import headline
from gate.test_report import PLAIN


class Whole(unittest.TestCase):
    def test_the_gravest_decides(self) -> None:
        for worst, code, strict_code in (
            ("fail", REGRESSION, REGRESSION),
            ("void", PASS, UNDECIDED),
            ("inconclusive", PASS, UNDECIDED),
            ("accepted", PASS, PASS),
            ("improved", PASS, PASS),
            ("pass", PASS, PASS),
        ):
            milder = VERDICTS[VERDICTS.index(worst) :]
            found = [replace(PLAIN, verdict=v) for v in reversed(milder)]
            self.assertEqual(exit_code(found, strict=False), code, worst)
            self.assertEqual(exit_code(found, strict=True), strict_code, worst)
            self.assertTrue(headline(found, False).startswith(verdict(found).upper()))

    def test_no_other_words(self) -> None:
        with self.assertRaises(ValueError):
            replace(PLAIN, verdict="good")
        with self.assertRaises(ValueError):
            replace(PLAIN, tier="other")


if __name__ == "__main__":
    unittest.main()
