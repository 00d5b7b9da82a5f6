"""What the tests of `spanbench try` share."""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
from driving import ROOT, SPANBENCH, DriverTest, of_processes, run

MIB = 1 << 20
PYTHON = "/usr/bin/python3"
SCHEMA = json.loads((ROOT / "results" / "program.schema.json").read_text())


def processes_with(marker: str) -> list[int]:
    return [p for p, words in of_processes("cmdline").items() if marker.encode() in words]


def new_marker() -> str:
    """A word of one test alone, which sleep(1) takes for seconds. No command line here holds it by chance."""
    return f"{random.randrange(10**11, 2 * 10**11)}"


def unused_port() -> int:
    """None that the kernel would give to another who asks for any, before the server has it."""
    least = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = random.choice(range(1024, least) or range(1024, 1 << 16))
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
    raise OSError("no port of this machine is to be had")


def await_handler(driver: "subprocess.Popen[Any]", number: int) -> None:
    """Until it treats this signal, which ends any program that has only begun. What Python treats may
    still be seen right after exec; SIGTERM is not of that."""
    both = 1 << (number - 1) | 1 << (signal.SIGTERM - 1)
    status, end = Path(f"/proc/{driver.pid}/status"), time.monotonic() + 300
    while ~int(re.findall(r"SigCgt:\s+(\w+)", status.read_text())[0], 16) & both:
        assert driver.poll() is None and time.monotonic() < end, "it does not treat it"
        time.sleep(0.001)


def parts_of(driver: int) -> list[int]:
    """The front, the guard, and the worker (harness/support/guard.h)."""
    chain = [driver]
    for _ in range(2):
        children = Path(f"/proc/{chain[-1]}/task/{chain[-1]}/children").read_text().split()
        chain.append(int(children[0]))
    return chain


class TryTest(DriverTest):
    def start(self, *words: Any, options: tuple[Any, ...] = (), rows: str = "system") -> list[str]:
        fixed = ("--out", self.out, "--allocators", rows, "--timeout", 60)
        command = [SPANBENCH, "try", *fixed, *options, "--", *words]
        return [str(word) for word in command]

    def attempt(
        self, *words: Any, options: tuple[Any, ...] = ("--runs", 1, "--quiet"), rows: str = "system"
    ) -> subprocess.CompletedProcess[str]:
        return run(*self.start(*words, options=options, rows=rows))

    def program(self) -> Any:
        document = json.loads((self.out / "latest-try" / "program.json").read_text())
        jsonschema.validate(document, SCHEMA)
        self.assertEqual(document["schema"], 1)
        return document

    def script(self, text: str, name: str = "program") -> Path:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def cause(self, row: str = "system") -> Any:
        (found,) = [r["cause"] for r in self.program()["rows"] if r["name"] == row]
        return found

    def cause_of(self, *words: Any, options: tuple[Any, ...] = ()) -> Any:
        """Of a program that does not end well."""
        result = self.attempt(*words, options=("--runs", 1, "--quiet", *options))
        self.assertEqual(result.returncode, 1, result.stderr)
        cause = self.cause()
        self.assertIn(cause, result.stderr)
        return cause
