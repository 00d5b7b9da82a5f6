"""What is made of the pages of a heap, and the command that draws them."""

import json
import unittest

import jsonschema

import heap_pages
import heap_spans
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


# Two arenas: slots of 2 and 4 KiB and a large block; a span that waits, and free pages.
DUMP = [
    "arena 40000000 67108864\n",
    "arena 80000000 67108864\n",
    "span 40002000 8192 cached 4096 2 0000000000000002\n",
    "span 40000000 8192 partial 2048 4 0000000000000006\n",
    "span 40004000 16384 large 16384 1 0\n",
    "span 80000000 8192 waiting 8192 1 0\n",
    "free 80002000 8192 resident\n",
    "free 80004000 16384 back\n",
    "objects 2048 1\n",
    "objects 4096 1\n",
    "objects 8 0\n",
]


class Spans(unittest.TestCase):
    def test_of_spans_and_slots(self) -> None:
        found = heap_spans.structure("full", DUMP)
        self.assertEqual(
            found["classes"],
            [
                {"slot_bytes": 2048, "spans": 1, "cached": 0, "partial": 1, "full": 0, "slots": 4, "free": 2, "live": 1},
                {"slot_bytes": 4096, "spans": 1, "cached": 1, "partial": 0, "full": 0, "slots": 2, "free": 1, "live": 1},
            ],
        )  # fmt: skip
        self.assertEqual(
            [(e["slot_bytes"], e["state"], e["free"]) for e in found["examples"]],
            [(2048, "partial", "0110"), (4096, "cached", "01")],
        )
        self.assertEqual(found["large"], {"spans": 1, "bytes": 16384})
        rest = found["waiting"], found["resident"], found["back"]
        self.assertEqual(rest, (8192, 8192, 16384))

    def test_where_they_lie(self) -> None:
        found = heap_spans.structure("full", DUMP)
        self.assertEqual(found["bytes"], 65536, "without the gap")
        self.assertEqual([a["from"] for a in found["arenas"]], [0, 32768])
        lanes = found["lanes"]
        for lane, in_use, free in ((2, 8192, 8192), (4, 16384, 0), (5, 16384, 16384)):
            for half, wanted in zip(lanes[lane], (in_use, free)):
                self.assertEqual(sum(half), wanted)
        self.assertEqual([sum(map(sum, lanes[i])) for i in (0, 1, 3)], [0, 0, 0])
        first = [i for i, v in enumerate(lanes[4][0]) if v]
        self.assertEqual((first[0], first[-1]), (23, 45), "the second quarter of the addresses")
        self.assertEqual(
            lanes[2][0][0], round(65536 / heap_spans.COLUMNS / 2), "half of it is free"
        )

    def test_more_than_64_slots(self) -> None:
        line = "span 40000000 8192 full 112 73 0000000000000001" + "0000000000000100\n"
        (span,) = heap_spans.parsed([line]).spans
        self.assertEqual([i for i, bit in enumerate(span.free) if bit == "1"], [0, 72])
        self.assertEqual(len(span.free), 73)

    def test_what_is_spoiled(self) -> None:
        for line in ("x 1\n", "span 1\n", "span 40000000 8192 lost 8 1 0\n", "free zz 1 back\n"):
            with self.assertRaises(ValueError):
                heap_spans.structure("full", [*DUMP, line])
        with self.assertRaisesRegex(ValueError, "in no arena"):
            heap_spans.structure("full", DUMP[2:])
        with self.assertRaisesRegex(ValueError, "of no page"):
            heap_spans.structure("full", DUMP[:2])


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

    def test_what_the_allocator_tells(self) -> None:
        """Of the instants with most live memory and with most that blocks pin."""
        between = [line.replace("later", "between") for line in LINES[3:]]
        between[1] = "9,0,0,96,0,0,between\n"
        full = [LINES[0], "9,0,0,96,0,0,full, 1\n", LINES[2]]
        lines = [*full, "dump,full, 1\n", *DUMP, *between, "dump,between\n", *DUMP, *LINES[3:]]
        found = heap_pages.heap([*lines, "dump,later\n", *DUMP], PAGE)
        self.assertEqual([i["name"] for i in found["instants"]], ["full, 1", "between", "later"])
        self.assertEqual([s["name"] for s in found["structure"]], ["full, 1", "later"])
        self.assertEqual(found["structure"][0], heap_spans.structure("full, 1", DUMP))
        self.assertEqual(heap_pages.heap(LINES, PAGE)["structure"], [])

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
        words = ["--allocators", "system gomalloc", "--workloads", "footprint"]
        words += ["--out", str(self.directory)]
        result = run(SCRIPT, *words, env={**clean_environment(), "B": str(BUILD)})
        self.assertEqual(result.returncode, 0, result.stderr)
        (folder,) = self.directory.glob("*-heap")
        self.assertTrue((folder / "report.html").exists())
        document = json.loads((folder / "heap.json").read_text())
        schema = json.loads((ROOT / "results" / "heap.schema.json").read_text())
        jsonschema.validate(document, schema)
        own, found = document["heaps"]
        self.assertEqual((own["allocator"], found["structure"]), ("gomalloc", []))
        for of in own["structure"]:
            self.assertGreater(sum(c["spans"] for c in of["classes"]), 100)
            for c in of["classes"]:
                self.assertGreaterEqual(c["slots"], c["free"] + c["live"])
                self.assertEqual(c["spans"], c["cached"] + c["partial"] + c["full"])
            told = sum(sum(map(sum, lane)) for lane in of["lanes"])
            self.assertLessEqual(told, of["bytes"])
            (seen,) = [i for i in own["instants"] if i["name"] == of["name"]]
            live = sum(c["slot_bytes"] * c["live"] for c in of["classes"]) + of["large"]["bytes"]
            self.assertGreaterEqual(live, heap_pages.live_bytes(seen), "all live blocks are in it")
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
