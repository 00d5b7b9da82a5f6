"""What is made of the pages of a heap, and the command that draws them."""

import json
import unittest

import jsonschema

import heap_pages
from driving import BUILD, ROOT, DriverTest, clean_environment, run, slow

PAGE = 4096
SCRIPT = ROOT / "scripts" / "heap.py"
# Two neighbours and one far away: the first is full, the second has one block, the third is free.
LINES = [
    "8,1,4096,0,0,0,full, 1\n",
    "9,1,0,96,0,0,full, 1\n",
    "99,1,0,0,0,0,full, 1\n",
    "8,1,0,0,0,0,later\n",
    "9,1,0,96,0,0,later\n",
    "99,0,0,0,0,0,later\n",
]


class Pages(unittest.TestCase):
    def test_each_byte_has_its_kind(self) -> None:
        found = heap_pages.heap(LINES, PAGE)
        self.assertEqual((found["pages"], found["regions"]), (3, 2))
        full, later = found["instants"]
        self.assertEqual([full["name"], later["name"]], ["full, 1", "later"])
        sums = [sum(column) for column in zip(*full["places"])]
        self.assertEqual(sums, [4096, 96, 0, 0, 4000 + 4096, 0])
        self.assertEqual((full["pinned"], full["empty"]), ([0, 4000, 0, 0], 4096))
        sums = [sum(column) for column in zip(*later["places"])]
        self.assertEqual(sums, [0, 96, 0, 0, 4096 + 4000, 4096])
        self.assertEqual((later["pinned"], later["empty"]), ([0, 4000, 0, 0], 4096))

    def test_places_are_in_the_order_of_addresses(self) -> None:
        found = heap_pages.heap(LINES[::-1], PAGE)["instants"][1]
        filled = [i for i, place in enumerate(found["places"]) if sum(place)]
        self.assertEqual(filled, [0, 33, 66])
        self.assertEqual(found["places"][0][0], 4096)

    def test_what_is_spoiled(self) -> None:
        spoiled: list[list[str]] = [[], ["x\n"], ["8,1,a,0,0,0,full\n"]]
        for lines in spoiled:
            with self.assertRaises(ValueError):
                heap_pages.heap(lines, PAGE)


@slow
class Command(DriverTest):
    def test_real_heaps(self) -> None:
        words = ["--allocators", "system", "--workloads", "footprint", "--out", self.directory]
        result = run(SCRIPT, *words, env={**clean_environment(), "B": str(BUILD)})
        self.assertEqual(result.returncode, 0, result.stderr)
        (folder,) = self.directory.glob("*-heap")
        self.assertTrue((folder / "report.html").exists())
        document = json.loads((folder / "heap.json").read_text())
        schema = json.loads((ROOT / "results" / "heap.schema.json").read_text())
        jsonschema.validate(document, schema)
        (found,) = document["heaps"]
        names = [i["name"] for i in found["instants"]]
        self.assertEqual(
            names[:3] + names[6:8], ["full", "freed", "refilled", "all live", "all freed"]
        )
        live = [sum(sum(p[:4]) for p in i["places"]) for i in found["instants"]]
        self.assertGreater(live[0], 4 * live[1])
        self.assertEqual(live[-1], 0)

    def test_wrong_use(self) -> None:
        for words, why in (
            (["--allocators", "none"], "no cell 'none'; there are "),
            (["--allocators", "system", "--workloads", "none"], "no workload 'none'; there are "),
        ):
            result = run(SCRIPT, *words, "--out", self.directory, env=clean_environment())
            self.assertEqual(result.returncode, 2)
            self.assertIn(why, result.stderr)
        self.assertEqual(list(self.directory.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
