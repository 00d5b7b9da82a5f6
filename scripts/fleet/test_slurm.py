"""The fleet with a real Slurm: three nodes on this machine."""

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, Callable

import jsonschema
from driving import BUILD, CELLS, ROOT, SPANBENCH, clean_environment, run, slow

sys.path.insert(0, str(ROOT / "scripts"))

import programs
from fleet import bundle
from fleet.cluster import Cluster, lacking
from fleet.test_classes import Apart
from gate_proof import planted
from program_data import environment

FLEET = ROOT / "scripts" / "fleet" / "__main__.py"
# So many trials that kill and requeue; scripts/fleet/README.md has what 20 of them gave.
TRIALS = int(os.environ.get("FLEET_TRIALS", "2"))
PATIENCE = 1800.0  # seconds: for longer, no machine can be busy with what takes one a minute


def requests(file: Path) -> list[tuple[Any, ...]]:
    """What must be the same wherever a round is measured, in the order of the file."""
    entries = json.loads(file.read_text())["benchmarks"]
    return [(e["name"], e["block"], e["seed"], e["digest"]) for e in entries]


@slow
class OnSlurm(unittest.TestCase):
    cluster: Cluster
    nodes: tuple[str, ...] = ("n1", "n2", "n3")

    def prefix(self) -> dict[str, list[str]]:
        """Words that a node's slurmd begins with."""
        return {}

    def setUp(self) -> None:
        why = lacking()
        if why:
            self.skipTest(why)
        # Quotes, blanks, what a shell expands, what Slurm expands, what some shells' echo does.
        self.out = Path(tempfile.mkdtemp(prefix="fleet 'a\"$(x) %j\\0101-"))
        self.addCleanup(shutil.rmtree, self.out, ignore_errors=True)
        # A socket's path is short.
        place = Path(tempfile.mkdtemp(prefix="fleet-"))
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        self.cluster = Cluster(place / "c", self.nodes, self.prefix())
        self.addCleanup(self.cluster.stop)
        self.cluster.start()

    def fleet(self, *words: Any) -> "subprocess.CompletedProcess[str]":
        return run(
            *("/usr/bin/python3", FLEET, *words), env=self.cluster.environment, timeout=PATIENCE
        )

    def submit(self, *words: str, of: tuple[str, ...] = ()) -> Path:
        done = self.fleet("submit", "--driver", SPANBENCH, "--out", self.out, *of, "--", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return Path(done.stdout.splitlines()[0])

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)

    def submit_to_each(self, *words: str, of: tuple[str, ...] = ()) -> Path:
        """Likewise; the nodes take the tasks in turn."""
        with self.cluster.drained():
            folder = self.submit(*words, of=of)
            self.cluster.spread(folder)
        return folder

    def logs(self, folder: Path) -> str:
        return "\n".join(p.read_text() for p in sorted((folder / "logs").iterdir()))


class OneRun(OnSlurm):
    def make(self, **variables: Any) -> "subprocess.CompletedProcess[str]":
        """As a user types it."""
        own = {k: v for k, v in self.cluster.environment.items() if os.environ.get(k) != v}
        return run(
            *("make", "DEPS=skip", "fleet"),
            cwd=ROOT,
            env=clean_environment(**own, **variables),
            timeout=PATIENCE,
        )

    def test_a_fleets_samples_are_those_of_a_local_run(self) -> None:
        words = ["--allocators", "system,gomalloc,null,gomalloc-hardened", "--brief", "--seed=7"]
        words += ["--workloads", "tiny small large", "--threads", "1", "--repetitions", "5"]
        done = run(SPANBENCH, "run", *words, "--no-timeline", "--out", self.out / "local")
        self.assertEqual(done.returncode, 0, done.stderr)
        asked = {"ALLOCATORS": "system gomalloc null gomalloc-hardened", "ARGS": "--brief"}
        rows = {"WORKLOADS": "tiny small large", "THREADS": 1, "REPS": 5, "SEED": 7}
        done = self.make(DO="submit", OUT=self.out, BATCH=2, **asked, **rows)
        self.assertEqual(done.returncode, 0, done.stderr)
        (folder,) = [Path(x) for x in done.stdout.splitlines() if x.endswith("-fleet")]
        self.assertIn("of 5 rounds", self.make(DO="status", RUN=folder).stdout)
        done = self.make(DO="collect", RUN=folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.logs(folder))
        self.assertIn("5 of 5 rounds, 60 samples, 0 failed", done.stdout)
        self.assertIn("Fastest: ", done.stdout)
        self.assertIn(f"All of it: {folder}/class1/", done.stdout)
        local = requests(self.out / "local" / "latest" / "bench.json")
        self.assertEqual(requests(folder / "class1" / "bench.json"), local)
        document = json.loads((folder / "class1" / "bench.json").read_text())
        nodes = document["context"]["spanbench"]["fleet"]["nodes"]
        self.assertEqual(sum(n["rounds"] for n in nodes.values()), 5)
        self.assertEqual({e["node"] for e in document["benchmarks"]}, set(nodes))
        for block in range(5):
            at = {e["node"] for e in document["benchmarks"] if e["block"] == block}
            self.assertEqual(len(at), 1, "a round is one node's")
        timeline = (folder / "class1" / "timeline.csv").read_text().splitlines()
        self.assertGreater(len(timeline), 4, "the first round's task watches memory over time")
        again = self.fleet("collect", "--bare", "--now", folder)
        self.assertEqual(again.returncode, 0, "a run that is collected can be collected again")
        self.assertEqual(requests(folder / "class1" / "bench.json"), local)

    def test_what_is_finished_stays_after_a_cancel(self) -> None:
        words = ["--allocators", "null", "--brief", "--workloads", "tiny", "--threads", "1"]
        words += ["--repetitions", "6", "--no-timeline"]
        folder = self.submit(*words, of=("--at-once=1",))
        self.until(lambda: any(folder.glob("parts/*/*/done.json")))
        self.assertEqual(self.fleet("cancel", folder).returncode, 0)
        self.until(lambda: not self.cluster.run("squeue", "--noheader").stdout)
        done = self.fleet("collect", "--bare", "--now", folder)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertRegex(done.stdout, r"[1-6] of 6 rounds")
        done = self.fleet("collect", "--bare", folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.logs(folder))
        self.assertIn("6 of 6 rounds, 6 samples", done.stdout)


@slow
class OfAUser(unittest.TestCase):
    """scripts/fleet/cluster.py as a program."""

    # A job that would not end; then the command waits for an interrupt.
    COMMAND = """\
echo "$SLURM_CONF"
sbatch --quiet --output=/dev/null --wrap ': >"$SLURM_CONF.runs"; sleep 1000' >/dev/null
while [ ! -e "$SLURM_CONF.runs" ]; do sleep 0.1; done
echo runs
exec sleep 1000
"""

    def setUp(self) -> None:
        if why := lacking():
            self.skipTest(why)

    def test_an_interrupt_leaves_nothing(self) -> None:
        words = [str(ROOT / "scripts" / "fleet" / "cluster.py"), "sh", "-c", self.COMMAND]
        child = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
            start_new_session=True,
        )
        self.addCleanup(child.communicate)
        self.addCleanup(child.terminate)
        assert child.stdout
        folder = Path(child.stdout.readline().strip()).parent
        self.assertEqual(child.stdout.readline(), "runs\n")
        there = Cluster(folder)
        self.addCleanup(there.end, there.those_with)
        self.assertTrue(there.stewards())
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        self.assertEqual(child.wait(PATIENCE), 128 + signal.SIGINT)
        self.assertEqual(there.those_with(), [])
        self.assertFalse(folder.parent.exists())

    def test_its_exit_code_is_that_of_the_command(self) -> None:
        own = ROOT / "scripts" / "fleet" / "cluster.py"
        for words, code in ((("sh", "-c", "exit 3"), 3), (("nosuchprogram",), 2)):
            done = run(own, *words, env=clean_environment())
            self.assertEqual(done.returncode, code, done.stderr)


class Verdicts(OnSlurm):
    def test_runs_of_misuses_are_those_of_a_local_matrix(self) -> None:
        words = ["--allocators", "system", "--misuses", "double_free.*", "--sizes", "tiny"]
        words += ["--runs", "3", "--seed", "4"]
        run(SPANBENCH, "harden", *words, "--out", self.out / "local")
        folder = self.submit(*words, of=("--work=harden", "--batch=2"))
        done = self.fleet("collect", folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.logs(folder))
        self.assertIn("3 of 3 rounds", done.stdout)
        self.assertRegex(done.stdout, r"\ndouble_free\.immediate +\S+\n")
        (local,) = (self.out / "local").glob("*/hardening.json")

        def told(file: Path) -> list[tuple[Any, ...]]:
            made = json.loads(file.read_text())
            return [
                (
                    made["runs"],
                    r["misuse"],
                    r["size"],
                    sum(r["outcomes"].values()),  # which, addresses may decide
                    [x["seed"] for x in r["runs"]],
                )
                for r in made["results"]
            ]

        self.assertEqual(told(folder / "class1" / "hardening.json"), told(local))
        self.assertTrue((folder / "class1" / "report.html").exists())

    def test_a_program_runs_where_its_user_runs_it(self) -> None:
        (self.out / "input").write_text("what it reads")
        words = ["--allocators", "system gomalloc", "--runs=5", "--seed=3", "--shell"]
        words += ["--input", str(self.out / "input"), "--cwd", str(self.out)]
        self.out = Path(tempfile.mkdtemp(prefix="fleet-"))  # LD_PRELOAD splits at blanks
        self.addCleanup(shutil.rmtree, self.out, ignore_errors=True)
        folder = self.submit(*words, "--", "cat; ls input", of=("--work=try", "--batch=2"))
        done = self.fleet("collect", folder)
        said = done.stdout + done.stderr + self.logs(folder)
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("5 of 5 rounds, 10 runs, 0 failed", done.stdout, said)
        self.assertRegex(done.stdout, r"(?m)^ *gomalloc .*x$")
        document = json.loads((folder / "class1" / "program.json").read_text())
        schema = json.loads((ROOT / "results" / "program.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(document)
        rounds = [(r["round"], r["row"]) for r in document["runs"]]
        self.assertEqual(
            sorted(rounds), sorted((n, r) for n in range(5) for r in ("gomalloc", "system"))
        )
        self.assertEqual(
            {r["output_bytes"] for r in document["runs"]}, {len("what it readsinput\n")}
        )
        self.assertTrue((folder / "class1" / "report.html").exists())

    def test_checks_are_made_with_a_seed_for_each_round(self) -> None:
        words = ["--allocators", "system", "--checks", "errno.*"]
        folder = self.submit(*words, of=("--work=check", "--rounds=3"))
        done = self.fleet("collect", folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.logs(folder))
        self.assertRegex(done.stdout, r"3 of 3 rounds, \d+ verdicts, 0 findings")
        self.assertRegex(done.stdout, r"\nerrno\.calloc +pass\n")
        seeds = {
            json.loads(p.read_text())["seed"] for p in folder.glob("parts/*/*/*/conformance.json")
        }
        self.assertEqual(seeds, {1, 2, 3})
        self.assertTrue((folder / "class1" / "conformance.xml").exists())


class Gate(OnSlurm):
    """No verdict on time is asserted: three nodes share this machine. By such a margin, no time makes a node void."""

    ROW = "tiny/threads:1"
    OPTIONS = (
        *("--quick", "--workloads=tiny", "--threads=1", "--first=9", "--blocks=45", "--seed=3"),
        *("--margin=40", "--target=99"),
    )

    def setUp(self) -> None:
        super().setUp()
        self.library = BUILD / "libgomalloc.so"
        self.accepted = f"--accepted={self.out}/accepted.json"
        (self.out / "accepted.json").write_text("[]")

    def gate(self, *words: str) -> Path:
        """Tasks one after another."""
        of = ("--work=gate", "--at-once=1")
        return self.submit_to_each(*self.OPTIONS, self.accepted, *words, of=of)

    def judged(self, folder: Path, *says: str, bare: bool = True) -> Any:
        done = self.fleet("collect", *["--bare"] * bare, folder)
        said = done.stdout + done.stderr + self.logs(folder)
        self.assertIn(done.returncode, (0, 1), said)
        for text in ("54 of 54 rounds", *says):
            self.assertIn(text, done.stdout, said)
        document = json.loads((folder / "class1" / "gate.json").read_text())
        self.assertEqual(done.returncode, document["exit_code"], said)
        return document

    def memory(self, document: Any) -> dict[str, str]:
        found = [f for f in document["findings"] if f["tier"] == "memory"]
        return {f["metric"]: f["verdict"] for f in found}

    def digest(self, seed: int) -> str:
        """Of a local measurement of the gate."""
        words = ["--allocators=system", "--workloads=tiny", "--threads=1", "--brief", "--one-seed"]
        words += ["--repetitions=1", f"--seed={seed}", "--no-timeline"]
        done = run(SPANBENCH, "run", *words, "--out", self.out / "local")
        self.assertEqual(done.returncode, 0, done.stderr)
        file = self.out / "local" / "latest" / "bench.json"
        return str(json.loads(file.read_text())["benchmarks"][0]["digest"])

    def test_identical_libraries(self) -> None:
        folder = self.gate(f"--base={self.library}", f"--head={self.library}")
        document = self.judged(folder, "a null run", bare=False)
        self.assertNotIn("fail", self.memory(document).values())
        rounds = {n: of["rounds"] for n, of in document["fleet"]["nodes"].items()}
        self.assertEqual(rounds, {node: 18 for node in self.nodes})
        self.assertIn("spanbench gate: ", (folder / "class1" / "report.html").read_text())
        objects: dict[str, set[tuple[str, int]]] = {}
        for stage, part in enumerate(document["parts"]):
            made = json.loads((folder / "class1" / part["file"]).read_text())
            blocks = {e["block"] for e in made["benchmarks"]}
            self.assertEqual(blocks, {n for n in range(54) if (n % 6 > 0) == stage})
            self.assertEqual({e["digest"] for e in made["benchmarks"]}, {self.digest(300 + stage)})
            for e in made["benchmarks"]:
                self.assertTrue(e["object"].endswith(f"/arms/files/{e['allocator']}.so"))
                objects.setdefault(e["object"], set()).add((e["node"], e["block"] // 6))
        self.assertEqual(len(objects), 2 * 9 * 3, "each stage of a task has copies of its own")
        self.assertTrue(all(len(of) == 1 for of in objects.values()))
        self.assertEqual(list(folder.glob("parts/*/*/arms")), [], "and they go")

    def test_more_memory_is_found_and_a_sick_node_is_named(self) -> None:
        base = planted.build(self.library, [], self.out / "base.so")
        plant = planted.resident(self.ROW, 16 << 20)
        head = planted.build(self.library, [plant], self.out / "head.so")
        folder = self.gate(f"--base={base}", f"--head={head}")
        document = self.judged(folder, "rss_peak_bytes")
        self.assertEqual(document["exit_code"], 1)
        self.assertEqual(self.memory(document)["rss_peak_bytes"], "fail")
        for file in folder.glob("parts/*/*/[0-9]*/bench.json"):
            if json.loads((file.parent.parent / "node.json").read_text())["node"] == "n2":
                made = json.loads(file.read_text())
                for e in made["benchmarks"]:
                    if e["allocator"] == "twin":
                        e["rss_peak_bytes"] *= 2
                file.write_text(json.dumps(made))
        document = self.judged(folder, "VOID NODE n2: the copy of base differs by +")
        self.assertEqual(document["exit_code"], 1, "the others have found it, too")
        self.assertEqual(self.memory(document)["rss_peak_bytes"], "fail")
        left = {n for n, of in document["fleet"]["nodes"].items() if of["void"] is None}
        self.assertNotIn("n2", left)

    def test_rows_are_for_the_cpus_that_slurm_says(self) -> None:
        """And nodes with others do no work."""
        usable = len(os.sched_getaffinity(0))
        words = [w for w in self.OPTIONS if not w.startswith("--threads")]
        words += [self.accepted, f"--base={self.library}", f"--head={self.library}"]
        with self.cluster.drained():
            folder = self.submit(*words, of=("--work=gate",))
            file = folder / "fleet.json"
            asked = json.loads(file.read_text())
            self.assertEqual(asked["cpus"], usable)
            file.write_text(json.dumps({**asked, "cpus": usable + 1}))
        done = self.fleet("collect", "--bare", folder)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("0 of 54 rounds", done.stdout)
        says = f"n[123] did no work: the rows of the gate are for {usable + 1} CPUs, and it may use"
        self.assertRegex(done.stdout, says)

    def test_adapters(self) -> None:
        """One of them with a library that was built beside it."""
        folder = self.gate("--base=gomalloc", "--head=system")
        document = self.judged(folder)
        made = json.loads((folder / "class1" / document["parts"][0]["file"]).read_text())
        objects = {e["allocator"]: e["object"] for e in made["benchmarks"]}
        self.assertIn("gomalloc", objects["twin"])
        self.assertIn("libc", objects["head"])


class Trouble(OnSlurm):
    def trial(self, number: int) -> None:
        chance = random.Random(number)
        words = ["--allocators", "system null", "--brief", "--workloads", "tiny small"]
        words += ["--threads", "1", "--repetitions", "9", "--no-timeline", f"--seed={number + 1}"]
        folder = self.submit(*words, of=("--batch=3",))
        job = json.loads((folder / "jobs" / "0.json").read_text())["job"]
        time.sleep(chance.uniform(0, 3))  # at any moment the outcome must be the same
        node = chance.choice(self.cluster.nodes)
        kind = ("requeue", "node", "daemon")[number % 3]
        if kind == "requeue":
            self.cluster.run("scontrol", "requeue", f"{job}_{chance.randrange(3)}")
        elif kind == "node":
            self.cluster.lose_node(node)
        else:
            self.cluster.kill_daemon(node)
        done = self.fleet("collect", "--bare", folder)
        said = f"{number} {kind}\n{done.stdout}{done.stderr}{self.logs(folder)}"
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("9 of 9 rounds, 36 samples, 0 failed", done.stdout, said)
        found = requests(folder / "class1" / "bench.json")
        self.assertEqual(len(set(found)), 36, said)
        seeds = {(block, seed) for _, block, seed, _ in found}
        self.assertEqual(seeds, {(n, number + 1 + n) for n in range(9)}, said)
        attempts = sorted(
            str(p.parent.relative_to(folder)) for p in folder.glob("parts/*/*/node.json")
        )
        print(f"# trial {number}: {kind}; attempts: {' '.join(attempts)}")
        if node not in self.cluster.daemons:
            self.cluster.start_node(node)
            self.cluster.wait(self.cluster.ready, "the nodes")

    def test_a_lost_node_and_a_requeue_lose_no_round(self) -> None:
        for number in range(TRIALS):
            with self.subTest(number):
                self.trial(number)


class Ends(OnSlurm):
    """What a task or a submitter may end by, other than its work."""

    WORDS = ("--allocators", "null system", "--brief", "--workloads", "tiny", "--threads", "1")

    def words(self, rounds: int) -> list[str]:
        return [*self.WORDS, "--no-timeline", "--seed=1", f"--repetitions={rounds}"]

    def whole(self, folder: Path, rounds: int) -> None:
        """Each round is there once."""
        found = requests(folder / "class1" / "bench.json")
        self.assertEqual(len(set(found)), 2 * rounds)
        seeds = {(block, seed) for _, block, seed, _ in found}
        self.assertEqual(seeds, {(n, 1 + n) for n in range(rounds)})

    def test_a_task_over_its_time_limit_keeps_its_whole_rounds(self) -> None:
        """Limits are minutes. So Slurm is told that the task's last one ends now; it looks twice a minute. The rounds are
        whole ones, for a fast machine would be through with brief ones sooner."""
        words = [w for w in self.words(1000) if w != "--brief"]
        folder = self.submit(*words, of=("--batch=1000", "--sbatch=--time=9"))
        job = json.loads((folder / "jobs" / "0.json").read_text())["job"]

        def has_a_round() -> bool:
            files = folder.glob("parts/0.0/000/*/bench.json")
            return any(len(requests(file)) >= 2 for file in files)

        self.until(has_a_round)
        self.cluster.told("scontrol", "update", f"JobId={job}_0", "EndTime=now")
        self.until(lambda: not self.cluster.run("squeue", "--noheader").stdout)
        self.assertIn("JobState=TIMEOUT", self.cluster.run("scontrol", "show", "job", job).stdout)
        done = self.fleet("collect", "--bare", "--now", folder)
        said = done.stdout + done.stderr + self.logs(folder)
        self.assertEqual(done.returncode, 1, said)
        found = re.search(r"(\d+) of 1000 rounds, (\d+) samples, 0 failed", done.stdout)
        assert found, said
        count = int(found[1])
        self.assertEqual(int(found[2]), 2 * count)
        self.assertGreater(count, 0, said)
        self.assertIn(f"missing: rounds {count} to 999; ", done.stdout, said)
        self.whole(folder, count)

    def test_a_submitter_that_is_killed(self) -> None:
        words = ["submit", "--collect", "--bare", "--at-once=1", "--driver", str(SPANBENCH)]
        words += ["--out", str(self.out), "--", *self.words(6)]
        child = subprocess.Popen(
            ["/usr/bin/python3", str(FLEET), *words],
            env=self.cluster.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.until(lambda: any(self.out.glob("*-fleet/parts/*/*/done.json")))
        child.kill()
        child.wait()
        (folder,) = self.out.glob("*-fleet")
        self.assertFalse((folder / "class1").exists())
        done = self.fleet("collect", "--bare", folder)
        said = done.stdout + done.stderr + self.logs(folder)
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("6 of 6 rounds, 12 samples, 0 failed", done.stdout, said)
        self.whole(folder, 6)
        self.assertEqual([p.name for p in (folder / "jobs").iterdir()], ["0.json"])

    def test_a_controller_that_is_down(self) -> None:
        """Where it is when rounds are submitted, and when they are awaited."""
        self.cluster.kill_daemon("slurmctld")
        words = [
            "submit",
            "--driver",
            SPANBENCH,
            "--out",
            self.out,
            "--batch=2",
            "--",
            *self.words(4),
        ]
        done = self.fleet(*words)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("to go on: make fleet DO=collect", done.stderr)
        self.assertIn("Unable to contact slurm controller", done.stderr)
        folder = Path(done.stdout.splitlines()[0])
        child = subprocess.Popen(
            ["/usr/bin/python3", str(FLEET), "collect", "--bare", str(folder)],
            env=self.cluster.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stderr
            self.assertIn("asking again", child.stderr.readline())
            self.cluster.run_daemon("slurmctld", "slurmctld", "-D")
            out, problem = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
        said = out + problem + self.logs(folder)
        self.assertEqual(child.returncode, 0, said)
        self.assertIn("4 of 4 rounds, 8 samples, 0 failed", out, said)
        batches = json.loads((folder / "jobs" / "0.json").read_text())["batches"]
        self.assertEqual(batches, [[0, 1], [2, 3]], "as it was asked for")
        self.whole(folder, 4)

    def test_a_disk_that_is_full(self) -> None:
        """That of the second task has no room for its samples, and that of the third none at all."""
        with self.cluster.drained():
            folder = self.submit(*self.words(4))
            for task, size in ((1, "16k"), (2, "4k")):
                place = folder / "parts" / f"0.{task}"
                place.mkdir()
                words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
                done = run(*words)
                if done.returncode:
                    self.skipTest(f"no mounts here: {done.stderr.strip()}")
                self.addCleanup(run, "umount", "--lazy", place)
            (folder / "parts" / "0.2" / "fills").write_bytes(b"x" * 4096)
        done = self.fleet("collect", "--bare", folder)
        said = done.stdout + done.stderr + self.logs(folder)
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("4 of 4 rounds, 8 samples, 0 failed", done.stdout, said)
        self.assertIn("2 rounds got lost (rounds 1 to 2): submitted anew", done.stderr, said)
        for task in (1, 2):
            log = (folder / "logs" / f"0.{task}.log").read_text()
            self.assertIn("No space left on device", log)
            self.assertNotIn("Traceback", log)
        self.whole(folder, 4)


def in_namespace(*mounts: str) -> list[str]:
    """Words before a command that sees these mounts, lines of a shell, alone."""
    script = "\n".join(["set -e", *mounts, 'exec "$@"'])
    return ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh"]


class Unlike(OnSlurm, Apart):
    """Nodes that differ: n1 is as this machine, n2 has another CPU, n3 lacks a library, n4 has one that differs by a
    byte."""

    nodes = ("n1", "n2", "n3", "n4")

    def setUp(self) -> None:
        cells = [n for n in ("jemalloc", "mimalloc", "tcmalloc") if (CELLS / n).exists()]
        if not cells:
            self.skipTest("no allocator of the distribution is here, which a node could lack")
        self.allocator = cells[0]
        found = [p for p in bundle.needed(CELLS / self.allocator) if self.allocator in p.name]
        self.library = found[0].resolve()
        super().setUp()

    def prefix(self) -> dict[str, list[str]]:
        place = Path(tempfile.mkdtemp(prefix="fleet-nodes-"))
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        (place / "byte").write_bytes(self.library.read_bytes() + b"x")
        cpus = Path("/proc/cpuinfo").read_text()
        (place / "cpus").write_text(re.sub(r"(model name\s*:).*", r"\1 Another", cpus))
        for name in ("upper", "work"):
            (place / "over" / name).mkdir(parents=True)
        folder, over = self.library.parent, place / "over"
        # A whiteout of overlayfs: the file is not there.
        lacks = (
            f"mount -t tmpfs none {over}",
            f"mkdir {over}/upper {over}/work",
            f"mknod {over}/upper/{self.library.name} c 0 0",
            f"mount -t overlay -o lowerdir={folder},upperdir={over}/upper,workdir={over}/work o {folder}",
        )
        made = {
            "n2": in_namespace(f"mount --bind {place}/cpus /proc/cpuinfo"),
            "n3": in_namespace(*lacks),
            "n4": in_namespace(f"mount --bind {place}/byte {self.library}"),
        }
        for words in made.values():
            done = run(*words, "true")
            if done.returncode:
                self.skipTest(f"no mounts of a node's own here: {done.stderr.strip()}")
        return made

    def test_they_are_separated_skipped_and_refused(self) -> None:
        words = ["--allocators", f"system {self.allocator}", "--brief", "--workloads", "tiny"]
        words += ["--threads", "1", "--repetitions", "4", "--no-timeline"]
        folder = self.submit_to_each(*words)
        done = self.fleet("collect", folder)
        said = done.stdout + done.stderr + self.logs(folder)
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("4 of 4 rounds, 8 samples, 0 failed", done.stdout)
        self.assertRegex(done.stdout, f"n3 did no work: it has no \\S*{self.allocator}")
        self.assertRegex(done.stdout, f"n4 did no work: \\S*{self.allocator}\\S* differs")
        self.assertRegex(done.stdout, r"CPU: class1 .*, class2 ")
        self.assertIn("Another", done.stdout)
        for name in ("class1", "class2"):
            made = json.loads((folder / name / "bench.json").read_text())
            nodes = {e["node"] for e in made["benchmarks"]}
            self.assertEqual(len(nodes), 1, said)
            self.assertLess(nodes, {"n1", "n2"}, said)
            cpus = {
                n["machine"]["cpu"] for n in made["context"]["spanbench"]["fleet"]["nodes"].values()
            }
            self.assertEqual(cpus == {"Another"}, nodes == {"n2"}, said)
        self.assertEqual(
            {p.name for p in (folder / "plots").glob("*.png")},
            {"memory.png", "pareto.png", "throughput.png"},
        )
        self.points_are_of_one_class(folder, 1)
        self.scales_are_alike(folder)
        self.page_has_them_side_by_side(folder)
        self.cells_are_of_one_class(folder, (folder / "report.html").read_text())


class Unshared(OnSlurm):
    """No node sees the submitter's folders."""

    WORDS = ("--allocators", "system gomalloc", "--brief", "--workloads", "tiny small")

    def prefix(self) -> dict[str, list[str]]:
        words = in_namespace(f"mount -t tmpfs none {shlex.quote(str(self.out))}")
        done = run(*words, "true")
        if done.returncode:
            self.skipTest(f"no mounts of a node's own here: {done.stderr.strip()}")
        self.place = Path(tempfile.mkdtemp(prefix="fleet-nodes-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        return {node: words for node in self.nodes}

    def words(self, rounds: int) -> list[str]:
        own = ["--threads", "1", "--seed=7", f"--repetitions={rounds}"]
        return [*self.WORDS, *own, "--no-timeline"]

    def submitted(self, rounds: int, *of: str) -> Path:
        (self.out / "mine").touch()
        for node in self.nodes:
            seen = self.cluster.run("srun", f"--nodelist={node}", "test", "-e", self.out / "mine")
            self.assertEqual(seen.returncode, 1, f"{node} shares nothing: {seen.stderr}")
        own = (f"--unshared={self.place}", *of)
        return self.submit(*self.words(rounds), of=own)

    def whole(self, folder: Path, rounds: int) -> None:
        words = [*self.words(rounds), "--out", self.out / "local"]
        done = run(SPANBENCH, "run", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        local = requests(self.out / "local" / "latest" / "bench.json")
        self.assertEqual(requests(folder / "class1" / "bench.json"), local)

    def held(self) -> set[str]:
        """What Slurm says of why tasks wait; RUNNING and others, of those that do not."""
        shown = self.cluster.run("squeue", "--noheader", "--array", "--format=%T %r").stdout
        return {line.strip().removeprefix("PENDING ") for line in shown.splitlines()}

    def job(self, folder: Path) -> str:
        return str(json.loads((folder / "jobs" / "0.json").read_text())["job"])

    def collecting(self, folder: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["/usr/bin/python3", str(FLEET), "collect", "--bare", str(folder)],
            env=self.cluster.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def place_of_parts(self) -> Path:
        """The folder of a node where a task has ended."""
        self.until(lambda: any(self.place.glob("*/parts/*/*/done.json")))
        return next(self.place.glob("*/parts/*/*/done.json")).parents[3]

    def later(self, folder: Path, task: int, when: str = "now+1hour") -> None:
        self.cluster.told(
            "scontrol", "update", f"JobId={self.job(folder)}_{task}", f"StartTime={when}"
        )

    def test_samples_are_those_of_a_local_run(self) -> None:
        """The bundle is sent by the one who collects. And the default partition has one of the nodes only."""
        self.cluster.told("scontrol", "create", "PartitionName=big", "Nodes=ALL", "State=UP")
        folder = self.submitted(6, "--batch=2", "--sbatch=--partition=big")
        self.cluster.told("scontrol", "update", "PartitionName=all", "Nodes=n1")
        self.cluster.spread(folder)
        self.assertEqual(self.held(), {"JobHeldUser"})
        self.assertIn("held until", self.fleet("status", folder).stdout)
        self.assertEqual(list(self.place.iterdir()), [], "no task has begun")
        done = self.fleet("collect", "--bare", folder)
        said = done.stdout + done.stderr + self.logs(folder)
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("6 of 6 rounds, 24 samples, 0 failed", done.stdout, said)
        self.whole(folder, 6)
        made = json.loads((folder / "class1" / "bench.json").read_text())
        self.assertEqual({e["node"] for e in made["benchmarks"]}, set(self.nodes), said)
        self.assertEqual([p.name for p in (folder / "jobs").glob("*.json")], ["0.json"], said)
        self.assertEqual(list(self.place.iterdir()), [], "nothing stays on the nodes")
        self.assertEqual(list((folder / "jobs").glob("*.tar")), [])
        done = self.fleet("collect", "--bare", folder)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_tasks_without_a_bundle_wait_in_the_queue(self) -> None:
        """As if the submitter had died as soon as they were released."""
        self.cluster.environment["FLEET_BUNDLE_SECONDS"] = "5"
        folder = self.submitted(3)
        self.cluster.told("scontrol", "release", self.job(folder))
        self.until(lambda: self.held() == {"job requeued in held state"})
        self.assertEqual(list(self.place.iterdir()), [], "and leave nothing on the nodes")
        del self.cluster.environment["FLEET_BUNDLE_SECONDS"]
        done = self.fleet("collect", "--bare", folder)
        said = done.stdout + done.stderr + self.logs(folder)
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("3 of 3 rounds, 12 samples, 0 failed", done.stdout, said)
        self.whole(folder, 3)

    def test_a_node_that_loses_its_folder(self) -> None:
        """It gets its bundle again, and goes on with the tasks of the same submission."""
        self.cluster.environment["FLEET_BUNDLE_SECONDS"] = "20"
        folder = self.submitted(4, "--at-once=1", "--sbatch=--nodelist=n1")
        self.later(folder, 3)
        child = self.collecting(folder)
        try:
            place = self.place_of_parts()
            gone = place.rename(self.place / "gone")
            shutil.rmtree(gone, ignore_errors=True)
            self.later(folder, 3, "now")
            said, _ = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
        said += self.logs(folder)
        self.assertEqual(child.returncode, 0, said)
        self.assertIn("4 of 4 rounds, 16 samples, 0 failed", said)
        self.whole(folder, 4)
        self.assertTrue((folder / "parts" / "0.3").exists(), said)

    def test_a_folder_that_no_node_can_make(self) -> None:
        """Whoever collects says so, and ends."""
        self.cluster.environment["FLEET_BUNDLE_SECONDS"] = "40"
        (self.place / "file").touch()
        self.place /= "file"
        folder = self.submitted(3)
        done = self.fleet("collect", "--bare", folder)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 1, said)
        self.assertRegex(done.stdout, r"n[123] did no work: it gets no bundle: sbcast: ")

    def test_a_fleet_that_is_cancelled_gives_what_it_has(self) -> None:
        folder = self.submitted(9, "--at-once=1")
        self.later(folder, 8)
        child = self.collecting(folder)
        try:
            self.place_of_parts()
            child.terminate()
            said, _ = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
        self.assertEqual(child.returncode, 128 + 15, said)
        self.assertIn("the tasks go on, once they have their bundle; ", said)
        done = self.fleet("cancel", folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(self.place.iterdir()), [], "nothing stays on the nodes")
        done = self.fleet("collect", "--bare", "--now", folder)
        self.assertRegex(done.stdout, r"\A[1-9] of 9 rounds", done.stderr)

    def test_a_node_that_is_lost_keeps_its_parts(self) -> None:
        folder = self.submitted(6)
        self.later(folder, 5)  # so that the tasks are not over meanwhile
        child = self.collecting(folder)
        try:
            place = self.place_of_parts()
            node = place.name.rpartition(".")[2]
            self.cluster.lose_node(node)
            self.later(folder, 5, "now")
            said, _ = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
        self.assertEqual(child.returncode, 0, said)
        self.assertIn(f"{node} is down, or takes no more work: its parts are left there", said)
        self.assertIn(f"{node}: {place} is left there", said)
        self.assertIn("6 of 6 rounds, 24 samples, 0 failed", said)
        self.whole(folder, 6)


class Catalogue(OnSlurm):
    """Real programs; perl of n2 differs by a byte."""

    nodes = ("n1", "n2")

    def prefix(self) -> dict[str, list[str]]:
        place = Path(tempfile.mkdtemp(prefix="fleet-nodes-"))
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        perl = Path(str(shutil.which("perl"))).resolve()
        shutil.copy2(perl, place / "perl")
        with open(place / "perl", "ab") as file:
            file.write(b"x")
        words = in_namespace(f"mount --bind {place}/perl {perl}")
        done = run(*words, "true")
        if done.returncode:
            self.skipTest(f"no mounts of a node's own here: {done.stderr.strip()}")
        return {"n2": words}

    def setUp(self) -> None:
        super().setUp()
        self.out = Path(tempfile.mkdtemp(prefix="fleet-"))  # LD_PRELOAD splits at blanks
        self.addCleanup(shutil.rmtree, self.out, ignore_errors=True)

    def absent(self, name: str) -> str:
        (entry,) = [e for e in programs.catalogue() if e.name == name]
        return programs.absent(entry, environment(True, 0))

    def rounds(self, folder: Path, name: str) -> list[tuple[int, str]]:
        made = json.loads((folder / "class1" / f"{name}.json").read_text())
        schema = json.loads((ROOT / "results" / "program.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(made)
        self.assertEqual([r["problem"] for r in made["runs"]], [None] * len(made["runs"]))
        if name == "perl":
            self.assertEqual({r["node"] for r in made["runs"]}, {"n1"})
        return sorted((r["round"], r["row"]) for r in made["runs"])

    def test_programs_of_the_catalogue(self) -> None:
        """And a task that is requeued meanwhile."""
        servers = [n for n in ("redis", "memcached", "nginx", "postgres") if not self.absent(n)]
        names = ["perl", "sort", *servers[:1]]
        words = ["--programs", " ".join(names), "--quick", "--allocators", "system gomalloc"]
        words += ["--runs=4", "--seed=5"]
        folder = self.submit_to_each(*words, of=("--work=programs", "--batch=2"))
        asked = json.loads((folder / "fleet.json").read_text())
        self.assertEqual([p["name"] for p in asked["programs"]], names)
        job = json.loads((folder / "jobs" / "0.json").read_text())["job"]
        self.until(lambda: any(folder.glob("parts/0.[0-9]/000/node.json")))
        self.cluster.run("scontrol", "requeue", f"{job}_0")
        done = self.fleet("collect", folder)
        said = done.stdout + done.stderr + self.logs(folder)
        self.assertEqual(done.returncode, 0, said)
        self.assertRegex(done.stdout, r"\A(8 of 8|12 of 12) rounds, [0-9]+ runs, 0 failed\n", said)
        self.assertRegex(
            done.stdout, r"n2 did no work of perl: \S*perl\S* differs from the submitter's"
        )
        self.assertRegex(done.stderr, r"got lost \(rounds .* of perl\): submitted anew")
        self.assertRegex(done.stdout, r"(?m)^peak memory +system +gomalloc$")
        for name in names:
            found = self.rounds(folder, name)
            rows = {"system", "gomalloc", *(["glibc"] if name == "redis" else [])}
            self.assertEqual(found, sorted((n, r) for n in range(4) for r in rows), said)
        self.assertTrue((folder / "class1" / "report.html").exists())
        left = [p for p in Path(tempfile.gettempdir()).glob(f"{asked['name']}.*")]
        self.assertEqual(left, [], "the data of programs went")


if __name__ == "__main__":
    unittest.main()
