"""`spanbench try --server`: the load, the phases after it, and light traffic."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
import unittest
from typing import Any, Callable

from driving import SPANBENCH, run, slow
from trying import MIB, PYTHON, TryTest, await_handler, new_marker, processes_with, unused_port

SERVER = """
import mmap, os, socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
memory = mmap.mmap(-1, 40 << 20)
def touch():
    for at in range(0, len(memory), 4096):
        memory[at] = 1
os.system("exec sleep " + sys.argv[2] + " &")
print("listening", flush=True)
while True:
    client, _ = listener.accept()
    what = client.recv(100)
    if what == b"fill":
        touch()
        client.sendall(os.environ.get("LD_PRELOAD", "none").encode())
    if what == b"free":
        memory.close()
        client.sendall(b"freed")
    if what == b"end":
        sys.exit("the server gave up")
"""
# One process, which reads the pages of a file when it is asked.
READER = """
import mmap, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = listener.accept()
    if client.recv(100):
        with open(sys.argv[2], "rb") as file:
            pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        sum(pages[::4096])
        client.sendall(b"read")
"""
LOAD = """
import mmap, os, socket, sys, time
memory = mmap.mmap(-1, 150 << 20)
memory.write(b"x" * len(memory))
def ask(what):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as server:
        server.sendall(what)
        return server.recv(500).decode()
served = ask(b"fill")
time.sleep(0.2)
if "end" in sys.argv:
    ask(b"end")
    time.sleep(60)
ask(b"free")
print("preloads", "jemalloc" in served, os.environ.get("LD_PRELOAD", "none"), "number 7")
"""


class Servers(TryTest):
    def serve(
        self,
        *words: Any,
        load: str = "",
        rows: str = "system,jemalloc",
        runs: int = 1,
        more: Callable[[str], tuple[str, ...]] = lambda port: (),
    ) -> Any:
        self.port, self.marker = unused_port(), new_marker()
        server = self.script(f"#!{PYTHON} -IS\n{SERVER}", "server")
        asks = self.script(f"#!{PYTHON} -IS\n{LOAD}", "load")
        options = ["--server", f"exec '{server}' {self.port} {self.marker}"]
        options += [
            "--ready",
            f"port:{self.port}",
            "--load",
            load.format(asks, self.port) or f"'{asks}' {self.port}",
        ]
        fixed = ["--out", self.out, "--allocators", rows, "--timeout", 200, "--quiet"]
        fixed += ["--runs", runs]
        result = run(SPANBENCH, "try", *fixed, *options, *words, *more(str(self.port)))
        self.assertEqual(processes_with(self.marker), [])
        with socket.socket() as now:
            self.assertNotEqual(now.connect_ex(("127.0.0.1", self.port)), 0)
        return result

    def test_time_of_the_load_and_memory_of_the_server(self) -> None:
        result = self.serve("--metric", "none number ([0-9]+)", "--after", "0.2")
        self.assertEqual(result.returncode, 0, result.stderr)
        runs = {r["row"]: r for r in self.program()["runs"]}
        for r in runs.values():
            self.assertEqual(r["metric"], 7)
            self.assertGreater(r["wall_seconds"], 0.2)
            self.assertGreater(r["peak_bytes"], 40 * MIB)
            self.assertLess(r["peak_bytes"], 80 * MIB)  # without that of the load
            self.assertLess(r["after"]["0.2"], 35 * MIB)
            self.assertEqual(list(r["after"]), ["0", "0.2"])
        (row,) = [r for r in self.program()["rows"] if r["name"] == "jemalloc"]
        self.assertTrue(all("jemalloc" in p["malloc"] for p in row["processes"]))
        self.assertEqual(row["processes"][0]["comm"], "server")

    def ask(self, what: str, more: str = "s.recv(9)") -> str:
        script = f'import socket; s = socket.create_connection((\\"127.0.0.1\\", {{1}})); '
        return f'{PYTHON} -ISc "{script}s.sendall(b\\"{what}\\"); {more}"'

    def test_the_peak_is_what_any_look_saw_at_least(self) -> None:
        """Between walks, fresh pages of a file are taken for shared ones; a look walks."""
        reader, pages = self.script(f"#!{PYTHON} -IS\n{READER}", "reader"), self.directory / "pages"
        pages.touch()
        os.truncate(pages, 32 * MIB)
        result = self.serve(
            load=self.ask("read"),
            rows="system",
            runs=8,  # it may walk just before the look, and see as much
            more=lambda port: ("--server", f"exec '{reader}' {port} '{pages}'"),
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        for r in self.program()["runs"]:
            self.assertGreater(r["phases"][0]["bytes"], 32 * MIB)
            self.assertGreaterEqual(r["peak_bytes"], r["phases"][0]["bytes"])

    def test_phases_and_light_traffic(self) -> None:
        ask, count = self.ask, self.directory / "count"
        load = ask("fill")
        result = self.serve(
            load=load,
            rows="system",
            more=lambda port: (
                "--then",
                ask("fill").replace("{1}", port),
                "--then",
                ask("free").replace("{1}", port),
                "--traffic",
                f"echo x >>'{count}'; {ask('ping', '')}".replace("{1}", port),
                "--after",
                "1",
            ),
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        (r,) = self.program()["runs"]
        sizes = [p["bytes"] for p in r["phases"]]
        self.assertGreater(min(sizes[:2]), 40 * MIB)
        self.assertLess(max(sizes[2], r["ready_bytes"], *r["after"].values()), 35 * MIB)
        self.assertEqual([list(r[key]) for key in ("after", "traffic")], [["0", "1"]] * 2)
        self.assertTrue(count.read_text())
        with open(self.out / "latest-try" / "memory.csv", encoding="utf-8") as curve:
            last = float(list(curve)[-1].split(",")[2])
        self.assertGreater(last, r["phases"][-1]["seconds"])

    @slow
    def test_what_goes_wrong_is_said(self) -> None:
        for more, load, said in (
            (("--server", "echo no port >&2; exit 3"), "", "ended before it was ready: no port"),
            (("--server", "sleep 20", "--timeout", 0.3), "", "not ready after 0.3 s"),
            ((), "echo bad >&2; exit 9", "the load ended with exit code 9: bad"),
            (("--timeout", 10), "sleep 50", "the load did not end in time"),
            ((), "exec '{0}' {1} end", "ended while the load ran: the server gave up"),
            (("--then", "true", "--then", "exit 5"), "true", "command 2 of --then ended with exit"),
            (("--traffic", "exit 6"), "true", "--traffic ended with exit code 6"),
            (("--ready", "file:/dev/null"), "", "another program"),
            (("--server", "sleep 50 &"), "", "behind: it must stay in the foreground"),
            ((), "kill -9 $$", "the load was killed by SIGKILL"),
            (("--ready", "regex:^listening", "--metric", "x"), "true", "no number"),
        ):
            result = self.serve(*more, load=load, rows="system")
            self.assertEqual(result.returncode, 1, (said, result.stderr))
            self.assertIn(said, str(self.cause()))

    @slow
    def test_a_limit_that_is_too_small_is_the_cause(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root can make a control group")
        self.assertEqual(self.serve("--limit", "200M", rows="system").returncode, 0)
        self.serve("--limit", "30M", rows="system")  # it fills 40 MiB when it is asked to
        self.assertEqual(self.cause(), "needs more than the limit of 30 MiB")


class Interruption(TryTest):
    def interrupt(self, number: int, after: float) -> None:
        """At any moment: before it is ready, under the load, and after it."""
        port, marker = unused_port(), new_marker()
        server = self.script(f"#!{PYTHON} -IS\n{SERVER}", "server")
        asks = self.script(f"#!{PYTHON} -IS\n{LOAD}", "load")
        temporary = self.directory / "tmp"
        temporary.mkdir(exist_ok=True)
        fixed = ["--out", self.out, "--allocators", "system,jemalloc", "--runs", 50]
        options = ["--server", f"exec '{server}' {port} {marker}", "--ready", f"port:{port}"]
        options += ["--load", f"'{asks}' {port} {marker}", "--then", f"sleep 0.1; : {marker}"]
        options += ["--after", "0.2", "--traffic", f"sleep 0.01; : {marker}", "--quiet"]
        command = [str(word) for word in (SPANBENCH, "try", *fixed, *options)]
        environment = {**os.environ, "TMPDIR": str(temporary)}
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, start_new_session=True, env=environment
        ) as driver:
            await_handler(driver, number)
            time.sleep(after)
            driver.send_signal(number)
            driver.communicate(
                timeout=300
            )  # beside tests with a thousand processes, a look takes long
        self.assertEqual(driver.returncode, 128 + number)
        self.assertEqual(processes_with(marker), [])
        self.assertEqual([*self.out.rglob("*.tmp"), *temporary.iterdir()], [])
        self.assertFalse((self.out / "latest-try").exists())
        with socket.socket() as now:
            self.assertNotEqual(now.connect_ex(("127.0.0.1", port)), 0)

    def test_nothing_is_left(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            for after in (0, random.random() * 3):
                self.interrupt(number, after)

    @slow
    def test_nothing_is_left_after_many(self) -> None:
        for i in range(20):
            number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[i % 3]
            self.interrupt(number, random.random() * 3)


if __name__ == "__main__":
    unittest.main()
