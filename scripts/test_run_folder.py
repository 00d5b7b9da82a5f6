"""The folders of the scripts' runs."""

from __future__ import annotations

import unittest
from pathlib import Path

import run_folder
from driving import DriverTest

COPIES = ("arms", "described")


class Folder(DriverTest):
    def write(self, path: str) -> Path:
        file = self.out / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        return file

    def test_each_is_new(self) -> None:
        made = [run_folder.make(self.out, "gate") for _ in range(3)]
        self.assertEqual(len(set(made)), 3)
        for folder in made:
            self.assertRegex(folder.name, r"^\d{8}T\d{6}Z-.+-gate$")
            self.assertTrue(folder.is_dir(), "it is empty, but its run lives")

    def test_what_a_killed_run_left_goes_and_nothing_else(self) -> None:
        dead = "20260101T000000Z-host"
        gone = ["a-gate/arms/base.so", "b-gate/described/files/x", "c-gate/stage-1/arms/files/x"]
        gone += ["c-gate/.gate.json.new", "d-gate/exact/.x.new"]
        stays = ["c-gate/arms/base.so", "c-gate/stage-1.log", "e-gate/gate.json"]
        stays += ["f-programs/arms/x", "f-programs/.x.new"]
        before = {path: self.write(f"{dead}-{path}") for path in gone + stays}
        foreign = self.out / "my-gate"
        foreign.mkdir()
        (self.out / "latest-gate").symlink_to(f"{dead}-a-gate")
        run_folder.make(self.out, "gate", COPIES)
        self.assertEqual([p for p in gone if before[p].exists()], [])
        self.assertEqual([p for p in stays if not before[p].exists()], [])
        for name in ("a", "b", "d"):
            self.assertFalse((self.out / f"{dead}-{name}-gate").exists(), name)
        self.assertTrue(foreign.is_dir())


if __name__ == "__main__":
    unittest.main()
